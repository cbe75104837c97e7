import { assert, constantFrom, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, misspeltNames, misspeltWarning, namesOf, nearest } from '#shared/settings/misspelt.ts';
import { misspeltWarnings } from '../../gateway/settings/misspelt-warnings.ts';
import { gatewaySettings } from '../../gateway/settings/settings.ts';
import { workerSettings } from '../../worker/config.ts';

const known = namesOf(gatewaySettings);
const namesIn = (variables: readonly string[]) => misspeltNames(variables, known).map(({ name }) => name);

describe('a misspelt setting', () => {
  it.each([
    ['HANDLR', 'HANDLER'],
    ['CONCURENCY', 'CONCURRENCY'],
    ['PROT', 'PORT'],
    ['REPLICSA', 'REPLICAS'],
    ['REDIS_URI', 'REDIS_URL'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['ADMIN_TOKEN_FIEL', 'ADMIN_TOKEN_FILE'],
  ])('in the environment is found: %s is meant as %s', (name, meant) => {
    expect(misspeltNames([name], known)).toEqual([{ name, meant }]);
  });

  it('is told in one sentence', () => {
    expect(misspeltWarning({ name: 'HANDLR', meant: 'HANDLER' })).toBe(
      'HANDLR is not a setting and is ignored; did you mean HANDLER?',
    );
    expect(misspeltWarnings({ HANDLR: './a.ts', PATH: '/bin' })).toEqual([
      'HANDLR is not a setting and is ignored; did you mean HANDLER?',
    ]);
  });

  it('in a file may be in lower case, or have hyphens', () => {
    expect(nearest('port', known)).toBe('PORT');
    expect(nearest('redis-url', known)).toBe('REDIS_URL');
    expect(nearest('replicas ', known)).toBe('REPLICAS');
    expect(nearest('colour', known)).toBeUndefined();
  });
});

describe('other variables', () => {
  it('are no misspelt settings', () => {
    const usual =
      'HOME HOSTNAME HOSTTYPE LANG LC_ALL LOGNAME MAIL NODE_ENV NODE_OPTIONS OLDPWD PATH PGHOST PGPORT PWD ' +
      'SHELL SHLVL TERM TMPDIR TZ USER _ EDITOR PAGER DISPLAY HTTP_PROXY NO_PROXY DOCKER_HOST REDIS_HOST ' +
      'REDIS_PORT KUBERNETES_SERVICE_HOST KUBERNETES_PORT POD_NAMESPACE CI DEBUG DATABASE_URL _HANDLER ' +
      'AWS_REGION XDG_RUNTIME_DIR SSH_TTY COLORTERM NO_COLOR FORCE_COLOR npm_config_port host port RINGPOST_URL';
    expect(namesIn(usual.split(' '))).toEqual([]);
  });

  it('that are settings of the other process are none either', () => {
    expect(namesIn(namesOf(workerSettings))).toEqual([]);
    expect(misspeltNames(known, namesOf(workerSettings))).toEqual([]);
  });
});

describe('the edit distance', () => {
  const text = string({ unit: constantFrom('A', 'B', '_'), maxLength: 8 });

  it('is 0 for equal texts only, and the same both ways', () => {
    assert(
      property(text, text, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });

  it('counts an insertion, a deletion, a replacement and an exchange as one', () => {
    expect(editDistance('PORT', 'PORTS')).toBe(1);
    expect(editDistance('PORT', 'PRT')).toBe(1);
    expect(editDistance('PORT', 'POST')).toBe(1);
    expect(editDistance('PORT', 'PROT')).toBe(1);
    expect(editDistance('HOME', 'HOST')).toBe(2);
  });
});
