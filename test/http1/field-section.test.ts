import { describe } from 'node:test';
import { testParserCases } from './parser-cases.ts';

describe('a field section', () => testParserCases('field-section.cases.json'));
