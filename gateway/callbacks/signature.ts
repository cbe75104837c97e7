import { Webhook } from 'standardwebhooks';

/** As Standard Webhooks has them: `whsec_`, and base64 of so many bytes. */
const leastBytes = 24;
const mostBytes = 64;

/**
 * @param setting secrets, separated by commas.
 * @returns them, and what is wrong with those that are none, which never says what they are.
 */
export function parseSecrets(setting: string): {
  readonly secrets: readonly string[];
  readonly faults: readonly string[];
} {
  const secrets = setting
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const faults = secrets.flatMap((secret, at) =>
    isSecret(secret)
      ? []
      : [
          `has no secret at place ${at + 1}: it must be whsec_ and the base64 of ${leastBytes} to ${mostBytes} bytes; ` +
            'make one with: echo "whsec_$(openssl rand -base64 32)"',
        ],
  );
  return { secrets, faults };
}

function isSecret(text: string): boolean {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  if (base64 === undefined) return false;
  const { length } = Buffer.from(base64, 'base64');
  return length >= leastBytes && length <= mostBytes;
}

/**
 * The header fields by which a receiver knows that a message is ours, and not a repeated one (Standard Webhooks).
 * @param secrets one signature for each; the receiver needs to know one of them.
 * @param id of the message; the same each time that it is sent.
 * @param now when it is sent.
 */
export function signed(
  secrets: readonly string[],
  id: string,
  now: Date,
  payload: string,
): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, payload)).join(' '),
  };
}
