import { describe } from 'node:test';
import { testParserCases } from './parser-cases.ts';

describe('chunked content', () => testParserCases('chunked-content.cases.json'));
