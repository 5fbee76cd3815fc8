import { describe } from 'node:test';
import { testParserCases } from './parser-cases.ts';

describe('requests of one connection', () => testParserCases('connection.cases.json'));
