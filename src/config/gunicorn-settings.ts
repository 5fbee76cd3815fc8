import type { SettingName } from './settings.ts';

/** What becomes of a setting of Gunicorn's here. A later version turns `later` into `ours`; `none` stays. */
export type Fate =
  | { readonly type: 'ours'; readonly name: SettingName }
  /** The application. */
  | { readonly type: 'app' }
  /** Not in this version yet. `hint` is what to do until then, or empty. */
  | { readonly type: 'later'; readonly hint: string }
  /** It has no meaning here. `instead` says what to use, or why nothing is needed. */
  | { readonly type: 'none'; readonly instead: string }
  /** It has no meaning here either, and ordinary tutorials write it: accepted, with one warning that says why. */
  | { readonly type: 'ignored'; readonly why: string }
  /** A function that is called in the master, or in the workers: ours in a config file that is a module (`hooks.ts`). */
  | { readonly type: 'hook'; readonly of: 'master' | 'worker' };

export type GunicornSetting = {
  readonly fate: Fate;
  /** As commander writes them; empty where Gunicorn has none, or where it is one of ours. */
  readonly flags: readonly string[];
  /** What Gunicorn does anyway and we do too: whoever writes it down asks for nothing. */
  readonly default?: unknown;
};

const ours = (name: SettingName): GunicornSetting => ({ fate: { type: 'ours', name }, flags: [] });
const later = (hint: string, flags: readonly string[], inactive: unknown): GunicornSetting => ({
  fate: { type: 'later', hint },
  flags,
  default: inactive,
});
const none = (instead: string, flags: readonly string[], inactive: unknown): GunicornSetting => ({
  fate: { type: 'none', instead },
  flags,
  default: inactive,
});
const ignored = (why: string, flags: readonly string[], inactive: unknown): GunicornSetting => ({
  fate: { type: 'ignored', why },
  flags,
  default: inactive,
});
const hook = (of: 'master' | 'worker'): GunicornSetting => ({ fate: { type: 'hook', of }, flags: [] });

const onCommandLine = 'it is asked for on the command line alone';
const strictParser = 'the parser has no lenient mode; such a request is refused';
const tls = 'until then TLS is terminated in front of Portcullis';
const http2 = 'HTTP/1.1 is served';
const asgi = 'ASGI applications are not run; environ applications are';
const dirty = 'there are no dirty workers; long tasks belong in a job queue';
const uwsgiListener = 'the edge speaks HTTP alone';

/** Every setting of Gunicorn 20.1 to 26, under the name that its config files use. Source: gunicorn/config.py. */
export const gunicornSettings = {
  config: none(onCommandLine, [], './gunicorn.conf.py'),
  wsgi_app: { fate: { type: 'app' }, flags: [] },
  bind: ours('bind'),
  backlog: ours('backlog'),
  workers: ours('workers'),
  worker_class: ours('workerClass'),
  threads: ours('threads'),
  worker_connections: ours('workerConnections'),
  max_requests: ours('maxRequests'),
  max_requests_jitter: ours('maxRequestsJitter'),
  timeout: ours('timeout'),
  graceful_timeout: ours('gracefulTimeout'),
  keepalive: ours('keepAlive'),
  limit_request_line: ours('limitRequestLine'),
  limit_request_fields: ours('limitRequestFields'),
  limit_request_field_size: ours('limitRequestFieldSize'),
  reload: ours('reload'),
  reload_engine: ours('reloadEngine'),
  reload_extra_files: { ...ours('reloadExtraFiles'), default: [] },
  spew: later('', ['--spew'], false),
  check_config: none(onCommandLine, [], false),
  print_config: none(onCommandLine, [], false),
  preload_app: ours('preloadApp'),
  sendfile: ignored(
    'responses pass the edge, which checks their length; no file is sent around it',
    ['--no-sendfile'],
    null,
  ),
  reuse_port: ignored(
    'all edges accept from one listener, so that a restart drops nobody; --edges says how many',
    ['--reuse-port'],
    false,
  ),
  chdir: ours('chdir'),
  daemon: ours('daemon'),
  raw_env: { ...ours('env'), default: [] },
  pidfile: { ...ours('pid'), default: null },
  worker_tmp_dir: ignored(
    'workers send no heartbeat through files; the private directory is in XDG_RUNTIME_DIR or TMPDIR',
    ['--worker-tmp-dir <directory>'],
    null,
  ),
  user: { ...ours('user'), default: null },
  group: { ...ours('group'), default: null },
  umask: ours('umask'),
  initgroups: ours('initgroups'),
  tmp_upload_dir: none('TMPDIR says where temporary files go', [], null),
  secure_scheme_headers: none(
    'X-Forwarded-Proto of a trusted proxy says the scheme; the policy names those proxies, /clients/trustedProxies',
    [],
    { 'X-FORWARDED-PROTOCOL': 'ssl', 'X-FORWARDED-PROTO': 'https', 'X-FORWARDED-SSL': 'on' },
  ),
  forwarded_allow_ips: ignored(
    'nobody is trusted by it, and forwarding fields are removed; the policy names trusted proxies, /clients/trustedProxies',
    ['--forwarded-allow-ips <addresses>'],
    '127.0.0.1,::1',
  ),
  accesslog: ours('accessLogfile'),
  disable_redirect_access_to_syslog: ours('disableRedirectAccessToSyslog'),
  access_log_format: ours('accessLogformat'),
  errorlog: ours('errorLogfile'),
  loglevel: ours('logLevel'),
  capture_output: ignored(
    'standard output of the application is that of Portcullis, and its standard error goes to the error log',
    ['--capture-output'],
    false,
  ),
  logger_class: none(
    'a Python class cannot log for the edge; --log-level says how much is logged',
    ['--logger-class <class>'],
    'gunicorn.glogging.Logger',
  ),
  logconfig: none('--log-level says how much is logged', ['--log-config <file>'], null),
  logconfig_dict: none('--log-level says how much is logged', [], {}),
  logconfig_json: none('--log-level says how much is logged', ['--log-config-json <file>'], null),
  syslog_addr: ours('logSyslogTo'),
  syslog: ours('logSyslog'),
  syslog_prefix: ours('logSyslogPrefix'),
  syslog_facility: ours('logSyslogFacility'),
  enable_stdio_inheritance: ignored(
    'children always inherit standard output and error',
    ['-R, --enable-stdio-inheritance'],
    false,
  ),
  statsd_host: ours('statsdHost'),
  dogstatsd_tags: { ...ours('dogstatsdTags'), default: '' },
  statsd_prefix: { ...ours('statsdPrefix'), default: '' },
  enable_backlog_metric: later('', ['--enable-backlog-metric'], false),
  proc_name: { ...ours('name'), default: null },
  default_proc_name: none('--name says what the processes are called', [], 'gunicorn'),
  pythonpath: ours('pythonpath'),
  paste: none('Paste files are not read; a config file says the same', ['--paste <file>', '--paster <file>'], null),
  on_starting: hook('master'),
  on_reload: hook('master'),
  when_ready: hook('master'),
  pre_fork: hook('master'),
  post_fork: hook('worker'),
  post_worker_init: hook('worker'),
  worker_int: hook('worker'),
  worker_abort: hook('worker'),
  pre_exec: hook('master'),
  pre_request: hook('worker'),
  post_request: hook('worker'),
  child_exit: hook('master'),
  worker_exit: hook('worker'),
  nworkers_changed: hook('master'),
  on_exit: hook('master'),
  ssl_context: later(tls, [], null),
  proxy_protocol: none('the policy says which version, /clients/proxyProtocol', ['--proxy-protocol [mode]'], 'off'),
  proxy_allow_ips: ignored(
    'nobody is trusted by it; the policy names trusted proxies, /clients/trustedProxies',
    ['--proxy-allow-from <addresses>'],
    '127.0.0.1,::1',
  ),
  protocol: none(uwsgiListener, ['--protocol <protocol>'], 'http'),
  uwsgi_allow_ips: none(uwsgiListener, ['--uwsgi-allow-from <addresses>'], '127.0.0.1,::1'),
  keyfile: later(tls, ['--keyfile <file>'], null),
  certfile: later(tls, ['--certfile <file>'], null),
  ssl_version: none('only TLS 1.2 and newer will be spoken', ['--ssl-version <version>'], 2),
  cert_reqs: later(tls, ['--cert-reqs <number>'], 0),
  ca_certs: later(tls, ['--ca-certs <file>'], null),
  suppress_ragged_eofs: ignored(
    'a connection that ends without notice is always taken as ended',
    ['--suppress-ragged-eofs'],
    true,
  ),
  do_handshake_on_connect: ignored('handshakes never hold up others', ['--do-handshake-on-connect'], false),
  ciphers: later(tls, ['--ciphers <list>'], null),
  http_protocols: later(http2, ['--http-protocols <list>'], 'h1'),
  http2_cleartext: later(http2, ['--http2-cleartext <mode>'], 'off'),
  http2_max_concurrent_streams: later(http2, ['--http2-max-concurrent-streams <number>'], 100),
  http2_initial_window_size: later(http2, ['--http2-initial-window-size <bytes>'], 65535),
  http2_max_frame_size: later(http2, ['--http2-max-frame-size <bytes>'], 16384),
  http2_max_header_list_size: later(http2, ['--http2-max-header-list-size <bytes>'], 65536),
  raw_paste_global_conf: none('Paste files are not read', ['--paste-global <conf>'], []),
  permit_obsolete_folding: none(strictParser, ['--permit-obsolete-folding'], false),
  strip_header_spaces: none(strictParser, ['--strip-header-spaces'], false),
  // Of 22.0 alone, and of what distributions made of older versions.
  tolerate_dangerous_framing: none(strictParser, ['--tolerate-dangerous-framing'], false),
  permit_unconventional_http_method: none(
    'the policy lists the methods, /request/methods',
    ['--permit-unconventional-http-method'],
    false,
  ),
  permit_unconventional_http_version: none(strictParser, ['--permit-unconventional-http-version'], false),
  casefold_http_method: none(
    'methods are case-sensitive (RFC 9110 section 9.1); the policy lists them, /request/methods',
    ['--casefold-http-method'],
    false,
  ),
  forwarder_headers: none(
    'no field of a client sets SCRIPT_NAME or PATH_INFO; --script-name says where the application is mounted',
    ['--forwarder-headers <names>'],
    'SCRIPT_NAME,PATH_INFO',
  ),
  header_map: none(
    'the policy says what happens to names with an underscore, /request/fields/underscores',
    ['--header-map <behaviour>'],
    'drop',
  ),
  asgi_loop: none(asgi, ['--asgi-loop <loop>'], 'auto'),
  asgi_lifespan: none(asgi, ['--asgi-lifespan <mode>'], 'auto'),
  asgi_disconnect_grace_period: none(asgi, ['--asgi-disconnect-grace-period <seconds>'], 3),
  http_parser: ignored('there is one parser, the strict one', ['--http-parser <parser>'], 'auto'),
  root_path: none('--script-name says where the application is mounted', ['--root-path <path>'], ''),
  dirty_apps: none(dirty, ['--dirty-app <app>'], []),
  dirty_workers: none(dirty, ['--dirty-workers <number>'], 0),
  dirty_timeout: none(dirty, ['--dirty-timeout <seconds>'], 300),
  dirty_threads: none(dirty, ['--dirty-threads <number>'], 1),
  dirty_graceful_timeout: none(dirty, ['--dirty-graceful-timeout <seconds>'], 30),
  on_dirty_starting: none(dirty, [], null),
  dirty_post_fork: none(dirty, [], null),
  dirty_worker_init: none(dirty, [], null),
  dirty_worker_exit: none(dirty, [], null),
  control_socket: ours('controlSocket'),
  control_socket_mode: ignored(
    'the control socket is always for its user alone (0600)',
    ['--control-socket-mode <mode>'],
    0o600,
  ),
  control_socket_disable: ours('controlSocketDisable'),
} as const satisfies Record<string, GunicornSetting>;

export type GunicornName = keyof typeof gunicornSettings;
export const gunicornNames = Object.keys(gunicornSettings) as readonly GunicornName[];

/** Undefined for a name that Gunicorn does not have. */
export function gunicornSetting(name: string): GunicornSetting | undefined {
  return Object.hasOwn(gunicornSettings, name) ? gunicornSettings[name as GunicornName] : undefined;
}

/** Why a setting is refused, to stand behind its place; undefined where it is accepted. */
export function problemOf(fate: Fate): string | undefined {
  switch (fate.type) {
    case 'ours':
    case 'app':
    case 'ignored':
    case 'hook':
      return undefined;
    case 'later':
      return fate.hint === '' ? 'this is not in this version yet' : `this is not in this version yet; ${fate.hint}`;
    case 'none':
      return `this has no meaning here: ${fate.instead}`;
  }
}

/** What somebody should hear who has set it, to stand behind its place. */
export function warningOf(fate: Fate): string | undefined {
  return fate.type === 'ignored' ? `accepted, has no effect here: ${fate.why}` : undefined;
}

/** Whether a value is what happens anyway. Flags and files may write a number as text. */
export function isGunicornDefault({ default: inactive }: GunicornSetting, value: unknown): boolean {
  if (value === null || value === undefined || inactive === undefined) return value === null || value === undefined;
  const isScalar = typeof inactive === 'string' || typeof inactive === 'number' || typeof inactive === 'boolean';
  return isScalar ? String(value) === String(inactive) : JSON.stringify(value) === JSON.stringify(inactive);
}
