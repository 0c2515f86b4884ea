import {
  dnsSubdomainErrors,
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  requiredValue,
  type StatusCause,
  tooLong,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { invalidAll } from '../checks.ts';
import { mapAt, objectAt, textAt } from '../fields.ts';
import { internalForm, type Shape } from '../internal-form.ts';
import { driverNameErrors } from './csi.ts';
import { persistentVolumeSpecErrors } from './persistent-volume.ts';

const maxMetadataBytes = 256 * 1024;
const maxMessage = 1024;

const specShape: Shape = {
  Attacher: 'attacher=""',
  Source: ['source', { PersistentVolumeName: 'persistentVolumeName', InlineVolumeSpec: 'inlineVolumeSpec' }],
  NodeName: 'nodeName=""',
};

export const volumeAttachmentStrategy: KindStrategy = {
  keepsMetadataOnStatus: true,
  needsVersion: true,
  prepareForCreate(attachment) {
    attachment.status = { attached: false };
  },
  validate(attachment, old) {
    const spec = attachment.spec ?? {};
    const errors = attachmentErrors(spec);
    if (!old) return [...errors, ...nameErrors(spec)];
    // Upstream checks the object twice here, and says everything twice.
    const all = [...errors, ...errors];
    if (!equalJson(spec, old.spec)) all.push(invalidValue('spec', internalForm(spec, specShape), 'field is immutable'));
    return all;
  },
  subresources: {
    status: {
      prepareForUpdate({ status }) {
        // The feature that this field belongs to is off by default in 1.34.
        for (const key of ['attachError', 'detachError']) delete objectAt(status, key)?.['errorCode'];
      },
      validate({ status }) {
        const errors = statusErrors(status);
        return [...errors, ...errors];
      },
    },
  },
};

function statusErrors(status: Fields | undefined): StatusCause[] {
  const bytes = Object.entries(mapAt(status, 'attachmentMetadata')).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  return [
    ...(bytes > maxMetadataBytes ? [tooLong('status.attachmentMetadata', maxMetadataBytes)] : []),
    ...['attachError', 'detachError'].flatMap((key) => volumeErrorErrors(objectAt(status, key), `status.${key}`)),
  ];
}

function attachmentErrors(spec: Fields): StatusCause[] {
  const errors = textAt(spec, 'attacher') === '' ? [requiredValue('spec.attacher')] : [];
  const node = textAt(spec, 'nodeName');
  return [
    ...errors,
    ...sourceErrors(objectAt(spec, 'source')),
    ...invalidAll('spec.nodeName', node, dnsSubdomainErrors(node)),
  ];
}

function sourceErrors(source: Fields | undefined): StatusCause[] {
  const inline = objectAt(source, 'inlineVolumeSpec');
  const name = source?.['persistentVolumeName'];
  const detail = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (!inline && name === undefined) return [requiredValue('spec.source', detail)];
  if (inline && name !== undefined) return [forbiddenValue('spec.source', detail)];
  if (inline) return persistentVolumeSpecErrors(inline, 'spec.source.inlineVolumeSpec', '');
  const needed = 'must specify non empty persistentVolumeName';
  return name === '' ? [requiredValue('spec.source.persistentVolumeName', needed)] : [];
}

/** What only the v1 API asks of new attachments. */
function nameErrors(spec: Fields): StatusCause[] {
  const source = objectAt(spec, 'source');
  const name = textAt(source, 'persistentVolumeName');
  return [
    ...driverNameErrors(textAt(spec, 'attacher'), 'spec.attacher'),
    ...(source?.['persistentVolumeName'] === undefined
      ? []
      : invalidAll('spec.source.persistentVolumeName', name, dnsSubdomainErrors(name))),
  ];
}

function volumeErrorErrors(error: Fields | undefined, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  if (Buffer.byteLength(textAt(error, 'message')) > maxMessage) {
    // Upstream names the limit of the metadata here.
    errors.push(tooLong(`${path}.message`, maxMetadataBytes));
  }
  return errors;
}
