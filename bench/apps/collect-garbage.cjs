// Loaded before a server's own code with NODE_OPTIONS, for the one measurement that asks for it: SIGUSR2 collects garbage
// and says so. Twice, because what a first collection finds is sometimes only free after the callbacks that follow it.
process.on('SIGUSR2', () => {
  globalThis.gc();
  setImmediate(() => {
    globalThis.gc();
    process.stderr.write(`garbage collected in ${process.pid}\n`);
  });
});
