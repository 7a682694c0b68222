import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { API_ADDRESS, FOLDER, nodeAddress, nodeName } from './place.ts';
import { run } from './tool.ts';

const PKI = join(FOLDER, 'pki');

/** One key serves everybody: what is proven here is what the driver may do, not who it is kept from. */
const KEY = join(PKI, 'key');

/** Makes the authority, a certificate for each member of the cluster, and a kubeconfig for each that is a client. */
export async function makeCertificates(nodes: readonly number[]): Promise<void> {
  await mkdir(PKI);
  await run('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', KEY]);
  await run('openssl', ['ec', '-in', KEY, '-pubout', '-out', join(PKI, 'service-accounts.pub')]);
  await issue('ca', '/CN=cluster', ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign']);
  await Promise.all([
    issueSigned('apiserver', '/CN=kube-apiserver', [`IP:${API_ADDRESS}`, 'DNS:kubernetes.default.svc']),
    issueClient('apiserver-to-kubelet', '/O=system:masters/CN=apiserver-to-kubelet'),
    issueClient('admin', '/O=system:masters/CN=admin'),
    issueClient('controller-manager', '/CN=system:kube-controller-manager'),
    issueClient('scheduler', '/CN=system:kube-scheduler'),
    ...nodes.map((node) =>
      issueClient(nodeName(node), `/O=system:nodes/CN=system:node:${nodeName(node)}`, [
        `IP:${nodeAddress(node)}`,
      ]),
    ),
  ]);
}

async function issueClient(name: string, subject: string, addresses: readonly string[] = []): Promise<void> {
  await issueSigned(name, subject, addresses);
  await writeFile(join(PKI, `${name}.kubeconfig`), JSON.stringify(await kubeconfig(name)));
}

async function issueSigned(name: string, subject: string, addresses: readonly string[]): Promise<void> {
  const authority = ['-CA', join(PKI, 'ca.crt'), '-CAkey', KEY];
  const names = addresses.length === 0 ? [] : [`subjectAltName=${addresses.join(',')}`];
  await issue(name, subject, ['extendedKeyUsage=serverAuth,clientAuth', ...names], authority);
}

async function issue(
  name: string,
  subject: string,
  extensions: readonly string[],
  authority: readonly string[] = [],
): Promise<void> {
  await run('openssl', [
    ...['req', '-x509', '-new', '-key', KEY, '-subj', subject, '-days', '30'],
    ...extensions.flatMap((extension) => ['-addext', extension]),
    ...authority,
    ...['-out', join(PKI, `${name}.crt`)],
  ]);
}

/** YAML is a superset of JSON. */
async function kubeconfig(name: string): Promise<object> {
  const base64 = async (file: string): Promise<string> => (await readFile(file)).toString('base64');
  const cluster = {
    server: `https://${API_ADDRESS}`,
    'certificate-authority-data': await base64(join(PKI, 'ca.crt')),
  };
  const user = {
    'client-certificate-data': await base64(join(PKI, `${name}.crt`)),
    'client-key-data': await base64(KEY),
  };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'lab',
    clusters: [{ name: 'lab', cluster }],
    users: [{ name, user }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: name } }],
  };
}
