import { describe } from 'node:test';
import { testParserCases } from './parser-cases.ts';

describe('the limits on a head', () => testParserCases('head-limits.cases.json'));
