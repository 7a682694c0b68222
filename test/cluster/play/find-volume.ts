/**
 * Asks the API server for a volume's PersistentVolume as the node process does, and prints its answer as JSON. To be
 * run in the cluster's network.
 *
 *   node find-volume.ts ACCOUNT-FOLDER HANDLE NAME
 */
import { createApi, createListPage } from '../../../src/kube/client.ts';
import { findPersistentVolume } from '../../../src/kube/persistent-volumes.ts';
import { API_ADDRESS } from '../lab/place.ts';

const [, , folder = '', handle = '', name = ''] = process.argv;
const access = { host: API_ADDRESS, port: 443, folder };
const { signal } = new AbortController();
const answer = await findPersistentVolume(
  createApi(access, signal),
  createListPage(access, signal),
  handle,
  name,
);
console.log(JSON.stringify(answer));
// The connection would be kept for the next request.
process.exit();
