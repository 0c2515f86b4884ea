/** A parameter in the query: its type in JSON, and what it is for. */
interface QueryParameter {
  readonly type: 'boolean' | 'integer' | 'string';
  readonly description: string;
}

const query = <T extends string>(parameters: Record<T, readonly [QueryParameter['type'], string]>) =>
  Object.fromEntries(
    Object.entries<readonly [QueryParameter['type'], string]>(parameters).map(([name, [type, description]]) => [
      name,
      { type, description },
    ]),
  ) as Record<T, QueryParameter>;

/** The query parameters of the API. */
export const QUERY = query({
  allowWatchBookmarks: ['boolean', 'Lets the server send BOOKMARK events, which say how far a watch has come.'],
  command: ['string', 'The program to run and its arguments: one parameter for each. It is not run in a shell.'],
  container: ['string', 'Which container of the pod. May be left out for a pod that has only one.'],
  continue: ['string', 'The token of the last page, to get the next one of the same list.'],
  dryRun: ['string', 'All: do everything but store the result.'],
  fieldManager: ['string', 'Who makes this change, at most 128 characters. Needed for server-side apply.'],
  fieldSelector: ['string', 'Only objects whose fields have these values, such as metadata.name=a.'],
  fieldValidation: ['string', 'What to do about unknown and duplicate fields: Ignore, Warn (the default) or Strict.'],
  follow: ['boolean', 'Keep the answer open, and send new lines as they are written.'],
  force: ['boolean', 'Take over the fields of other managers that an apply conflicts with.'],
  gracePeriodSeconds: ['integer', 'Seconds that the object has to end by itself. 0 deletes it at once.'],
  ignoreStoreReadErrorWithClusterBreakingPotential: [
    'boolean',
    'Delete an object that can no longer be read from storage, without its finalizers. Needs a permission of its own.',
  ],
  insecureSkipTLSVerifyBackend: ['boolean', 'Do not check the certificate of the node that has the log.'],
  labelSelector: ['string', 'Only objects with these labels, such as app=web,tier!=cache.'],
  limit: ['integer', 'How many objects a page of a list has at most.'],
  limitBytes: ['integer', 'How many bytes of the log are sent at most.'],
  orphanDependents: ['boolean', 'Deprecated: use propagationPolicy.'],
  path: ['string', 'The path and query of the request to pass on.'],
  ports: ['integer', 'The ports of the pod to forward to.'],
  pretty: ['string', 'true: indent the JSON of the answer for people to read.'],
  previous: ['boolean', 'The log of the container that ran before the last restart.'],
  propagationPolicy: ['string', 'What becomes of dependents: Orphan, Background or Foreground.'],
  resourceVersion: ['string', 'How new the answer must be, or where a watch begins.'],
  resourceVersionMatch: ['string', 'How resourceVersion is meant in a list: Exact or NotOlderThan.'],
  sendInitialEvents: ['boolean', 'Begin a watch with an ADDED event for everything there is, and a bookmark after it.'],
  sinceSeconds: ['integer', 'Only lines of the last so many seconds.'],
  stderr: ['boolean', "Send the container's standard error."],
  stdin: ['boolean', "Connect to the container's standard input."],
  stdout: ['boolean', "Send the container's standard output."],
  stream: ['string', 'Which output of the container: All, Stdout or Stderr.'],
  tailLines: ['integer', 'How many of the last lines are sent.'],
  timeoutSeconds: ['integer', 'Seconds after which the request ends, however busy.'],
  timestamps: ['boolean', 'Begin each line with the time at which it was written.'],
  tty: ['boolean', 'Give the program a terminal.'],
  watch: ['boolean', 'Stream changes instead of listing objects.'],
});
export type QueryName = keyof typeof QUERY;
