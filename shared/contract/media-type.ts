const eventStream = /^\s*text\/event-stream\s*(?:;|$)/i;
const text = /^\s*(?:text\/|application\/json\s*(?:;|$))/i;
const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i;
/** The charsets whose texts are UTF-8. */
const utf8 = /^(?:utf-?8|us-ascii)?$/i;

/** @returns whether a value of Content-Type is that of server-sent events. */
export function isEventStreamType(type: string | undefined): boolean {
  return type !== undefined && eventStream.test(type);
}

/** @returns whether a value of Content-Type is that of a text, or of JSON, in UTF-8, as without a charset. */
export function isTextType(type: string | undefined): boolean {
  if (type === undefined || !text.test(type)) return false;
  const [, name = ''] = charset.exec(type) ?? [];
  return utf8.test(name);
}
