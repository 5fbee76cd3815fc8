import { describe } from 'node:test';
import { testParserCases } from './parser-cases.ts';

describe('message framing', () => testParserCases('message-framing.cases.json'));
