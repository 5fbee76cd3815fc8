import { describe } from 'node:test';
import { testParserCases } from './parser-cases.ts';

describe('a request line', () => testParserCases('request-line.cases.json'));
