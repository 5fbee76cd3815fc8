import { describe } from 'node:test';
import { testInspectCases } from './inspect-cases.ts';

describe('the check of a client', () => testInspectCases('client.cases.json'));
