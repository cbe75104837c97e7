/**
 * The first module of the process: it takes the secrets out of the environment before any other is loaded.
 */
import { takeSecrets } from '#shared/settings/secrets.ts';

/** The settings that this process was started with, secrets included. */
export const environment = takeSecrets(process.env);
