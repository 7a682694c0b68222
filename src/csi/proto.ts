import { fileURLToPath } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { ProtoGrpcType as AdministrationType } from './gen/administration.ts';
import type { ProtoGrpcType as CsiType } from './gen/csi.ts';

/** The messages of csi.proto, as the generated types describe them. */
export function loadCsi(): CsiType['csi']['v1'] {
  return (load('csi.proto') as unknown as CsiType).csi.v1;
}

/** The messages of administration.proto, as the generated types describe them. */
export function loadAdministration(): AdministrationType['instance_store_csi']['administration']['v1'] {
  return (load('administration.proto') as unknown as AdministrationType).instance_store_csi.administration.v1;
}

/** From the source tree or beside the bundle. */
function load(name: string): ReturnType<typeof loadPackageDefinition> {
  const folder = import.meta.url.endsWith('.ts') ? '../../proto' : '.';
  const definition = loadSync(fileURLToPath(new URL(`${folder}/${name}`, import.meta.url)), {
    keepCase: true,
    longs: String,
    enums: String,
    oneofs: true,
    defaults: true,
  });
  return loadPackageDefinition(definition);
}
