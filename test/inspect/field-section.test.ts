import { describe } from 'node:test';
import { testInspectCases } from './inspect-cases.ts';

describe('the checks of a field section', () => testInspectCases('field-section.cases.json'));
