const eventStream = /^\s*text\/event-stream\s*(?:;|$)/i;
const text = /^\s*(?:text\/|application\/json\s*(?:;|$))/i;

/** @returns whether a value of Content-Type is that of server-sent events. */
export function isEventStreamType(type: string | undefined): boolean {
  return type !== undefined && eventStream.test(type);
}

/** @returns whether a value of Content-Type is that of a text, or of JSON, in UTF-8. */
export function isTextType(type: string | undefined): boolean {
  return type !== undefined && text.test(type);
}
