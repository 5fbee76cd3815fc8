/** A text as a YAML scalar: bare where it is a number, else in double quotes, with escapes for what our YAML does not take. */
export function yamlText(text: string): string {
  if (/^(?:0|[1-9][0-9]{0,14})$/.test(text)) return text;
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
