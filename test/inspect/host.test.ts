import { describe } from 'node:test';
import { testInspectCases } from './inspect-cases.ts';

describe('the checks of a host', () => testInspectCases('host.cases.json'));
