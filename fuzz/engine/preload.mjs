// Loaded before jazzer.js itself.
import './older-glibc.mjs';
import { createRequire } from 'node:module';

/**
 * States and kinds are strings here, and are compared for every byte: telling libFuzzer of each such comparison is a third
 * of the time and teaches it nothing, since every literal that input can meet stands in a dictionary.
 */
const { fuzzer } = createRequire(import.meta.url)('@jazzer.js/fuzzer');
const { tracer } = fuzzer;
const { traceAndReturn } = tracer;
tracer.traceStrCmp = (left, right, operator) =>
  operator === '===' || operator === '==' ? left === right : left !== right;
tracer.traceAndReturn = (current, target, id) =>
  typeof target === 'string' ? target : traceAndReturn(current, target, id);
