import { dirname, resolve } from 'node:path';
import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  type Fields,
  invalidValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import {
  anything,
  asConfig,
  type ConfigFormat,
  listOf,
  readConfigFile,
  record,
  refuseInvalid,
  text,
  texts,
} from '../../config-file.ts';
import { objectAt, objectsAt, textAt, textsAt } from '../../kinds/fields.ts';
import {
  LEVEL_ERROR,
  type LevelVersion,
  MODES,
  type Mode,
  type Policy,
  parseLevel,
  parseVersion,
  VERSION_ERROR,
} from './policy.ts';

/** What PodSecurity does where no label says otherwise, and what it never looks at. */
export interface PodSecurityConfiguration {
  defaults: Policy;
  exemptions: { usernames: readonly string[]; namespaces: readonly string[]; runtimeClasses: readonly string[] };
}

const PRIVILEGED: LevelVersion = { level: 'privileged', version: 'latest' };

export const NO_POD_SECURITY: PodSecurityConfiguration = {
  defaults: { enforce: PRIVILEGED, audit: PRIVILEGED, warn: PRIVILEGED },
  exemptions: { usernames: [], namespaces: [], runtimeClasses: [] },
};

const ADMISSION: ConfigFormat = {
  apiVersions: ['apiserver.config.k8s.io/v1'],
  kind: 'AdmissionConfiguration',
  fields: { plugins: listOf(record({ name: text, path: text, configuration: anything })) },
};

const POD_SECURITY: ConfigFormat = {
  apiVersions: ['pod-security.admission.config.k8s.io/v1'],
  kind: 'PodSecurityConfiguration',
  fields: {
    defaults: record(
      Object.fromEntries(
        MODES.flatMap((mode) => [
          [mode, text],
          [`${mode}-version`, text],
        ]),
      ),
    ),
    exemptions: record({ usernames: texts, namespaces: texts, runtimeClasses: texts }),
  },
};

/**
 * Reads the plugin PodSecurity's part of an `--admission-control-config-file`.
 * @throws Error that names the file and what is wrong in it, and for a plugin that takes no configuration here.
 */
export function readAdmissionConfiguration(file: string): PodSecurityConfiguration {
  const where = `--admission-control-config-file ${file}`;
  let configuration = NO_POD_SECURITY;
  for (const plugin of objectsAt(readConfigFile(file, ADMISSION), 'plugins')) {
    const name = textAt(plugin, 'name');
    if (name !== 'PodSecurity') {
      throw new Error(`${where}: ${JSON.stringify(name)} takes no configuration here; PodSecurity does`);
    }
    const path = textAt(plugin, 'path');
    const content =
      path === ''
        ? asConfig(plugin['configuration'], POD_SECURITY, `${where}: the configuration of PodSecurity`)
        : readConfigFile(resolve(dirname(file), path), POD_SECURITY);
    configuration = configurationOf(content, where);
  }
  return configuration;
}

function configurationOf(content: Fields, where: string): PodSecurityConfiguration {
  const causes: StatusCause[] = [];
  const given = objectAt(content, 'defaults');
  const levelOf = (mode: Mode): LevelVersion => {
    const [level, version] = [textAt(given, mode) || 'privileged', textAt(given, `${mode}-version`) || 'latest'];
    const known = { level: parseLevel(level), version: parseVersion(version) };
    if (known.level === undefined) causes.push(invalidValue(`defaults.${mode}`, level, LEVEL_ERROR));
    if (known.version === undefined) causes.push(invalidValue(`defaults.${mode}-version`, version, VERSION_ERROR));
    return { level: known.level ?? 'privileged', version: known.version ?? 'latest' };
  };
  const defaults = { enforce: levelOf('enforce'), audit: levelOf('audit'), warn: levelOf('warn') };
  const exempt = objectAt(content, 'exemptions');
  const exemptions = {
    namespaces: textsAt(exempt, 'namespaces'),
    runtimeClasses: textsAt(exempt, 'runtimeClasses'),
    usernames: textsAt(exempt, 'usernames'),
  };
  causes.push(
    ...nameErrors('exemptions.namespaces', exemptions.namespaces, dnsLabelErrors),
    ...nameErrors('exemptions.runtimeClasses', exemptions.runtimeClasses, dnsSubdomainErrors),
    ...nameErrors('exemptions.usernames', exemptions.usernames, (name) =>
      name === '' ? ['username must not be empty'] : [],
    ),
  );
  refuseInvalid(where, causes);
  return { defaults, exemptions };
}

function nameErrors(path: string, names: readonly string[], errorsOf: (name: string) => string[]): StatusCause[] {
  return names.flatMap((name, index) => {
    const field = `${path}[${index}]`;
    const errors = errorsOf(name);
    if (errors.length > 0) return [invalidValue(field, name, errors.join(', '))];
    return names.indexOf(name) < index ? [duplicateValue(field, name)] : [];
  });
}
