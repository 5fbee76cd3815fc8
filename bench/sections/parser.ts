import { measureParsers } from '../http1/request-parser.ts';
import { twoDigits, whole, withSpread } from '../report/quantity.ts';
import { atMost, type Section } from '../section.ts';
import { ratios, summarize } from '../statistics.ts';

const ROUNDS = 20;
const CALLS = 100_000;

export const parser: Section = {
  title: 'Parser',
  async run() {
    const figures = measureParsers(ROUNDS, CALLS);
    const ratio = summarize(ratios(figures.ours, figures.binding));
    const floor = summarize(ratios(figures.llhttp, figures.binding));
    const nanoseconds = (times: readonly number[]) => withSpread(summarize(times), (time) => `${whole(time)} ns`);
    return {
      method: `One browser request of ${figures.requestBytes} bytes, ${ROUNDS} alternating rounds of ${CALLS} calls in this process: ours with all its checks; llhttp's WebAssembly with callbacks that do nothing; Node's own binding without what node:http adds to it.`,
      columns: ['parser', 'a request', 'x the binding'],
      rows: [
        ['Portcullis', nanoseconds(figures.ours), withSpread(ratio, twoDigits)],
        ['llhttp alone, in WebAssembly', nanoseconds(figures.llhttp), withSpread(floor, twoDigits)],
        ["Node's binding", nanoseconds(figures.binding), twoDigits(1)],
      ],
      goals: [atMost('our parser', 0.5, 'x the binding', ratio.median, 2)],
      notes: [],
      data: figures,
    };
  },
};
