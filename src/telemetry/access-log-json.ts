import { jsonText } from './access-log-escape.ts';
import type { AccessLogFormat } from './access-log-format.ts';
import { fieldBehind, loggedNames, loggedValues } from './logged-values.ts';

/** One object a line, in ASCII: valid whatever a client has sent. A byte beyond ASCII is the character of its number. */
export const jsonAccessLogFormat: AccessLogFormat = {
  needs: { requestFields: Object.values(fieldBehind), responseFields: [], environ: false },
  write: (context) => {
    let line = '';
    for (const { key, isText, read } of members) {
      const value = read(context);
      line += key + (value === null ? 'null' : isText ? jsonText(value) : value);
    }
    return `${line}}`;
  },
};

const members = loggedNames.map((name, index) => ({
  key: `${index === 0 ? '{' : ','}"${name}":`,
  ...loggedValues[name],
}));
