import { describe } from 'node:test';
import { testInspectCases } from './inspect-cases.ts';

describe('the checks of a method', () => testInspectCases('method.cases.json'));
