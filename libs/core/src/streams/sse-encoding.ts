/** One server-sent event. Data that is no text is sent as JSON. */
export interface SseEvent {
  /** What a client sends as `Last-Event-ID` when it connects again. */
  id?: string;
  /** `message` unless given. */
  event?: string;
  /** Without it only the id is noted: where a client goes on that has seen no event yet. */
  data?: unknown;
}

/** The event as it goes over the wire. */
export function encodeSse({ id, event, data }: SseEvent): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const lines = data === undefined ? [] : text.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${id === undefined ? '' : `id: ${oneLine(id)}\n`}${event === undefined ? '' : `event: ${oneLine(event)}\n`}${lines.join('')}\n`;
}

/** A line break in a name would begin a field of its own. */
function oneLine(text: string): string {
  return text.replace(/[\r\n\0]/g, ' ');
}
