/** How many requests are allowed in how long. So many may also come at once, if there were none before. */
export interface Rate {
  /** From 1 to {@link maxRequests}. */
  readonly requests: number;
  /** 1, 60 or 3600. */
  readonly windowS: number;
}

const windows = { s: 1, m: 60, h: 3600 } as const;
const maxRequests = 99_999;

/** What {@link parseRate} reads, in words. */
export const rateForm = `a number from 1 to ${maxRequests}, and \`/s\`, \`/m\` or \`/h\`, such as \`100/s\``;

/** @param text such as `100/s`. @returns undefined if it is no rate. */
export function parseRate(text: string): Rate | undefined {
  const [, requests, unit = ''] = /^([1-9]\d{0,4})\/([smh])$/.exec(text) ?? [];
  return isUnit(unit) ? { requests: Number(requests), windowS: windows[unit] } : undefined;
}

/** @returns the text that {@link parseRate} reads. */
export function rateText({ requests, windowS }: Rate): string {
  const [unit = 's'] = Object.entries(windows).find(([, seconds]) => seconds === windowS) ?? [];
  return `${requests}/${unit}`;
}

function isUnit(text: string): text is keyof typeof windows {
  return Object.hasOwn(windows, text);
}
