/**
 * The exit code of a worker that cannot load its handler: `EX_CONFIG` of sysexits.h. The reason is in its
 * crash note.
 */
export const unloadedExitCode = 78;
