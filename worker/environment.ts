/** Imported before all other modules, so that the secrets leave the environment before those are loaded. */
import { takeSecrets } from '#shared/settings/secrets.ts';

/** The settings of this process, secrets included. */
export const environment = takeSecrets(process.env);
