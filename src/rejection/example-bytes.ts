/**
 * Requests are written down as text, one character a byte (latin1). `{text*count}` repeats, so that long ones stay
 * readable: `GET /{a*5000}`. A brace that begins no such thing stands for itself.
 */
export function expand(text: string): string {
  return text.replace(/\{([^{}]*)\*(\d+)\}/g, (_, repeated: string, count: string) => repeated.repeat(Number(count)));
}
