/** Colours for a terminal; without them every function leaves its text as it is. */
export type Paint = Readonly<Record<'good' | 'bad' | 'warning' | 'faint' | 'strong', (text: string) => string>>;

const codes = { good: 32, bad: 31, warning: 33, faint: 2, strong: 1 } as const;

export function paintWith(colours: boolean): Paint {
  const painter = (code: number) => (text: string) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
  return {
    good: painter(codes.good),
    bad: painter(codes.bad),
    warning: painter(codes.warning),
    faint: painter(codes.faint),
    strong: painter(codes.strong),
  };
}
