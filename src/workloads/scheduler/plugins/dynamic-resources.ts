import { type Plugin, refusal } from '../plugin.ts';

const name = 'DynamicResources';
const absent = refusal(name, 'nothing allocates ResourceClaims here yet: ask for devices by extended resources', {
  final: true,
});

/** Devices by claim are not there yet: a pod that asks for some waits and says so, instead of running without. */
export const dynamicResources: Plugin = {
  name,
  judge: ({ pod }) => ((pod.spec?.resourceClaims?.length ?? 0) > 0 ? { refusal: absent } : undefined),
};
