/** Text of a file as part of a message: one line, nothing that drives or reorders a terminal, cut where it is long. */
export function excerpt(text: string, maxLength = 48): string {
  const shown = printable(text.slice(0, maxLength));
  const isWhole = text.length <= maxLength && shown.length <= maxLength;
  return isWhole ? shown : `${cut(shown, maxLength)}...`;
}

/** Never between the halves of a character. */
function cut(text: string, length: number): string {
  return text.slice(0, length).replace(/[\ud800-\udbff]$/, '');
}

/** The text with an escape for each character that is none of its own line: controls, line ends, directions, halves. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/**
 * The text with an asterisk for each code unit between the scheme of a URL and its last "@": a user and a password, which belong
 * into no log. Columns stay what they are.
 */
export function withoutCredentials(text: string): string {
  return text.replace(/(?<=[a-z]:(?:\/\/)?)[^\s"'/][^\s"']*(?=@)/gi, (credentials) => '*'.repeat(credentials.length));
}
