/** For a config file that is code, in whatever language: those that look something up in a network do so within seconds. */
export const evaluationDeadlineMs = 30_000;
