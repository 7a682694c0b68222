// Loaded into the driver before its own code, by NODE_OPTIONS: what a pod finds at the place of its account is read
// from POD_ACCOUNT instead. The place is the kubelet's to fill; a test must not make it on a machine that it shares.
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const PLACE = '/var/run/secrets/kubernetes.io/serviceaccount';
const { readFile } = fs;

fs.readFile = (path, ...rest) =>
  readFile(String(path).replace(PLACE, process.env.POD_ACCOUNT ?? PLACE), ...rest);
syncBuiltinESMExports();
