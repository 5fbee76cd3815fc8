import { defaultAccessLogFormat } from '../telemetry/access-log-format.ts';
import { standardStreamName } from '../telemetry/log-destinations.ts';
import { defaultPort } from './bind-address.ts';
import type { OverridingSetting } from './policy-overrides.ts';
import { defaultRecordBytes } from './recording.ts';
import type { SettingName, SettingValue } from './settings.ts';

type WithoutDefault =
  | 'config'
  | 'workerClass'
  | 'python'
  | 'chdir'
  | 'name'
  | 'pid'
  | 'user'
  | 'group'
  | 'workerUser'
  | 'umask'
  | 'controlSocket'
  | 'policy'
  | 'rateLimitStore'
  | 'record'
  | 'accessLogfile'
  | 'logSyslogPrefix'
  | 'admin'
  | 'statsdHost';

/** What holds where nobody says anything; of settings that replace a value of the policy, the policy says it. */
export const defaultsOfSettings: {
  readonly [Name in Exclude<SettingName, OverridingSetting>]: Name extends WithoutDefault ? null : SettingValue<Name>;
} = {
  config: null,
  chdir: null,
  env: [],
  bind: [{ kind: 'tcp', host: '127.0.0.1', port: defaultPort }],
  backlog: 2048,
  scriptName: '',
  workers: 1,
  workerClass: null,
  workerConnections: 1000,
  threads: 1,
  python: null,
  pythonpath: [],
  edges: 1,
  gracefulTimeout: 30,
  maxRequests: 0,
  maxRequestsJitter: 0,
  maxMemory: 0,
  workerLifetime: 0,
  preloadApp: false,
  reload: false,
  reloadEngine: 'auto',
  reloadExtraFiles: [],
  name: null,
  pid: null,
  daemon: false,
  user: null,
  group: null,
  initgroups: false,
  workerUser: null,
  umask: null,
  controlSocket: null,
  controlSocketDisable: false,
  policy: null,
  watchPolicy: false,
  rateLimitStore: null,
  record: null,
  recordMax: defaultRecordBytes,
  recordMask: [],
  recordContent: 0,
  logLevel: 'info',
  accessLogfile: null,
  accessLogformat: defaultAccessLogFormat,
  errorLogfile: standardStreamName,
  errorLogformat: 'text',
  logSyslog: false,
  logSyslogTo: { kind: 'udp', host: 'localhost', port: 514 },
  logSyslogPrefix: null,
  logSyslogFacility: 'user',
  disableRedirectAccessToSyslog: false,
  admin: null,
  statsdHost: null,
  statsdPrefix: '',
  dogstatsdTags: '',
};
