import { describe, expect, it } from 'vitest';
import { appliedPreference, preferenceOf } from '../../gateway/request/prefer.ts';

const none = { respondAsync: false, waitMs: undefined };

describe('Prefer (RFC 7240)', () => {
  it.each<[string[], object]>([
    [[], none],
    [['Prefer', 'respond-async'], { respondAsync: true, waitMs: undefined }],
    [['prefer', 'Respond-Async, wait=5'], { respondAsync: true, waitMs: 5000 }],
    [['Prefer', 'wait=10', 'Prefer', 'respond-async'], { respondAsync: true, waitMs: 10_000 }],
    [['Prefer', 'wait="7"; x=y, respond-async; foo="a,b"'], { respondAsync: true, waitMs: 7000 }],
    [['Prefer', 'wait = 3'], { respondAsync: false, waitMs: 3000 }],
    // The first of repeated preferences counts; a wait that is not a number of seconds is ignored.
    [['Prefer', 'wait=1, wait=2'], { respondAsync: false, waitMs: 1000 }],
    [['Prefer', 'wait=soon'], none],
    [['Prefer', 'wait=-1'], none],
    [['Prefer', 'return=minimal, handling=lenient'], none],
    [['Prefer', 'note="respond-async, wait=9"'], none],
    [['Prefer', ',,; =, "'], none],
    [['X-Prefer', 'respond-async'], none],
  ])('is parsed from %j', (headers, preference) => {
    expect(preferenceOf(headers)).toEqual(preference);
  });

  it('has an answer that names the applied preferences', () => {
    expect(appliedPreference({ respondAsync: true, waitMs: undefined })).toBe('respond-async');
    expect(appliedPreference({ respondAsync: true, waitMs: 5000 })).toBe('respond-async, wait=5');
  });
});
