import { Webhook } from 'standardwebhooks';

/** The sizes of secrets in Standard Webhooks: `whsec_`, and base64 of this many bytes. */
const minBytes = 24;
const maxBytes = 64;

/**
 * @param setting secrets, separated by commas.
 * @returns them, and what is wrong with those that are not valid. The faults never contain a secret.
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
          `has no secret at place ${at + 1}: ` +
            `it must be whsec_ and the base64 of ${minBytes} to ${maxBytes} bytes; ` +
            'make one with: echo "whsec_$(openssl rand -base64 32)"',
        ],
  );
  return { secrets, faults };
}

function isSecret(text: string): boolean {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  if (base64 === undefined) return false;
  const { length } = Buffer.from(base64, 'base64');
  return length >= minBytes && length <= maxBytes;
}

/**
 * Makes the header fields that prove that a message is from ringpost and not repeated (Standard Webhooks).
 * @param secrets there is one signature for each; the receiver needs one of them.
 * @param id of the message, the same for each attempt.
 * @param now the time of the attempt.
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
