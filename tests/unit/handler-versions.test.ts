import { describe, expect, it } from 'vitest';
import { HandlerVersions } from '../../gateway/drivers/handler-versions.ts';

describe('the versions of a handler', () => {
  it('are replaced, and each replacement is reported once', () => {
    const versions = new HandlerVersions('/1');
    const seen: string[] = [];
    versions.onReplaced(() => seen.push(versions.current));
    versions.replace('/2');
    versions.replace('/2');
    expect(seen).toEqual(['/2']);
  });

  it('are used while they are current or a process runs them', () => {
    const versions = new HandlerVersions('/1');
    const ends = [versions.use('/1'), versions.use('/1')];
    versions.replace('/2');
    expect(versions.isUsed('/2')).toBe(true);
    ends[0]?.();
    expect(versions.isUsed('/1')).toBe(true);
    ends[1]?.();
    expect(versions.isUsed('/1')).toBe(false);
  });

  it('are alone once the last process of another version has ended', async () => {
    const versions = new HandlerVersions('/1');
    const end = versions.use('/1');
    versions.replace('/2');
    let alone: boolean | undefined;
    const waiting = versions.whenAlone().then((is) => (alone = is));
    await Promise.resolve();
    expect(alone).toBeUndefined();
    end();
    expect(await waiting).toBe(true);
  });

  it('are never alone if they were replaced before', async () => {
    const versions = new HandlerVersions('/1');
    versions.use('/1');
    versions.replace('/2');
    const waiting = versions.whenAlone();
    versions.replace('/3');
    expect(await waiting).toBe(false);
  });
});
