import { homedir } from 'node:os';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../../..');

/** What the machine boots is made once and kept here, in a folder for each kind of it. */
export const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'instance-store-csi/vm');

/** Of the guest itself: run by its kernel, not by Node. */
export const GUEST = join(import.meta.dirname, '../guest');

/** Where the guest sees the checkout, read-only, and the folder that it shares with the host. */
export const GUEST_CHECKOUT = '/checkout';
export const GUEST_SHARE = '/share';
