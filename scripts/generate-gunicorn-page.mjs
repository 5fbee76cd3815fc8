/**
 * docs/from-gunicorn.md: Gunicorn's settings in its own groups with what becomes of each here, and what an application sees
 * that is different. The second comes from the rows that end-to-end tests hold true (test/end-to-end/gunicorn.cases.json).
 */

/** Gunicorn's own sections (Gunicorn 20.1 to 23), in the order of its manual. */
export const sections = {
  'Config File': ['config', 'wsgi_app'],
  Debugging: ['reload', 'reload_engine', 'reload_extra_files', 'spew', 'check_config', 'print_config'],
  Logging: [
    ...[
      'accesslog',
      'disable_redirect_access_to_syslog',
      'access_log_format',
      'errorlog',
      'loglevel',
      'capture_output',
    ],
    ...['logger_class', 'logconfig', 'logconfig_dict', 'logconfig_json', 'syslog_addr', 'syslog', 'syslog_prefix'],
    ...['syslog_facility', 'enable_stdio_inheritance', 'statsd_host', 'dogstatsd_tags', 'statsd_prefix'],
  ],
  'Process Naming': ['proc_name', 'default_proc_name'],
  SSL: [
    ...['keyfile', 'certfile', 'ssl_version', 'cert_reqs', 'ca_certs', 'suppress_ragged_eofs'],
    ...['do_handshake_on_connect', 'ciphers', 'ssl_context'],
  ],
  Security: ['limit_request_line', 'limit_request_fields', 'limit_request_field_size'],
  'Server Hooks': [
    ...['on_starting', 'on_reload', 'when_ready', 'pre_fork', 'post_fork', 'post_worker_init', 'worker_int'],
    ...['worker_abort', 'pre_exec', 'pre_request', 'post_request', 'child_exit', 'worker_exit', 'nworkers_changed'],
    'on_exit',
  ],
  'Server Mechanics': [
    ...['preload_app', 'sendfile', 'reuse_port', 'chdir', 'daemon', 'raw_env', 'pidfile', 'worker_tmp_dir', 'user'],
    ...['group', 'umask', 'initgroups', 'tmp_upload_dir', 'secure_scheme_headers', 'forwarded_allow_ips', 'pythonpath'],
    ...['paste', 'proxy_protocol', 'proxy_allow_ips', 'raw_paste_global_conf', 'permit_obsolete_folding'],
    ...['strip_header_spaces', 'permit_unconventional_http_method', 'permit_unconventional_http_version'],
    ...['casefold_http_method', 'tolerate_dangerous_framing', 'forwarder_headers', 'header_map'],
  ],
  'Server Socket': ['bind', 'backlog'],
  'Worker Processes': [
    ...['workers', 'worker_class', 'threads', 'worker_connections', 'max_requests', 'max_requests_jitter', 'timeout'],
    ...['graceful_timeout', 'keepalive'],
  ],
};

/** What is on the command line alone, in both. */
const commandLine = { config: '-c', check_config: '--check-config', print_config: '--print-config' };

/** Where a setting of the same name does not do quite the same. */
const differently = {
  worker_class: '`tornado` and classes of your own are refused',
  keepalive: '5 seconds; 2, as in Gunicorn, with `-P gunicorn`',
  timeout: 'counts for one request, which gets 504; a worker that is silent is replaced as well',
  limit_request_line: '0 is no limit of its own, but `fields.maxTotalBytes` and 64 KiB for the line still hold',
  limit_request_fields: '0 is no limit of its own, with a warning',
  limit_request_field_size: '0 is no limit of its own, with a warning',
  user: 'all processes are that user, the master too ([operations.md](operations.md#users-and-permissions))',
  group: 'all processes have it, the master too',
  umask: 'the umask of whoever starts the server where it is not given; in Gunicorn 0',
  initgroups: 'supplementary groups of root never stay',
  statsd_host: 'a duration ends when the client has the answer ([metrics.md](metrics.md))',
  access_log_format: 'times begin with the first byte of the request ([logs.md](logs.md))',
};

/** `settings` is the table of src/config/gunicorn-settings.ts, `cases` what the tests compare. */
export function generateGunicornPage({ introduction, settings, longFlag, cases }) {
  const known = new Set(Object.values(sections).flat());
  const newer = Object.keys(settings).filter((name) => !known.has(name));
  const tables = Object.entries({ ...sections, 'Newer than Gunicorn 23': newer }).map(([title, names]) => {
    const rows = names.map((name) => `| \`${name}\` | ${outcome(name, settings[name], longFlag)} |`);
    return [`### ${title}`, '', '| Gunicorn | | here |', '|---|---|---|', ...rows].join('\n');
  });
  return introduction
    .replace('{{settings}}', () => tables.join('\n\n'))
    .replace('{{everywhere}}', () => everywhereTable(cases.everywhere))
    .replace('{{differences}}', () => differencesTable(cases.cases))
    .replace('{{refusals}}', () => refusalsTable(cases.cases));
}

function outcome(name, { fate }, longFlag) {
  if (name in commandLine) return `same | \`${commandLine[name]}\``;
  switch (fate.type) {
    case 'ours': {
      const note = differently[name];
      const flag = `\`${longFlag(fate.name)}\``;
      return note === undefined ? `same | ${flag}` : `different | ${flag}: ${note}`;
    }
    case 'app':
      return 'same | `app` in a config file, or the argument APP';
    case 'hook':
      return `different | ${fate.of === 'master' ? 'no Python runs in the master: ' : ''}[hooks.md](hooks.md)`;
    case 'ignored':
      return `no effect | accepted, with a warning: ${fate.why}`;
    case 'later':
      return `not yet | refused${fate.hint === '' ? '' : `; ${fate.hint}`}`;
    default:
      return `not there | refused: ${fate.instead}`;
  }
}

/** The expression of a value, as the value that it stands for where it is one. */
function shown(pattern) {
  if (pattern === null) return 'missing';
  const plain = pattern.replaceAll('\\.', '.');
  if (plain === '') return 'empty';
  return /^[^\\+[\](){}|]*$/.test(plain) ? `\`${plain.replaceAll('\t', '\\t')}\`` : 'some';
}

function keyOf(key) {
  return key.startsWith('answer: ') ? `${key.slice('answer: '.length)} of the answer` : `\`${key}\``;
}

function everywhereTable(rows) {
  const lines = rows.map(({ key, gunicorn, portcullis, because }) => {
    const how = gunicorn === null ? 'added' : portcullis === null ? 'missing' : 'another';
    return `| ${keyOf(key)} | ${how} | ${because} |`;
  });
  return ['| | here | why |', '|---|---|---|', ...lines].join('\n');
}

function differencesTable(rows) {
  const lines = rows.flatMap(({ behaviour, differences = [] }) =>
    differences.map(
      ({ key, gunicorn, portcullis, because }) =>
        `| ${behaviour} | ${keyOf(key)} | ${shown(gunicorn)} | ${shown(portcullis)} | ${because} |`,
    ),
  );
  return ['| request | | Gunicorn 20.1 | here | why |', '|---|---|---|---|---|', ...lines].join('\n');
}

function refusalsTable(rows) {
  const lines = rows.flatMap(({ behaviour, refused }) =>
    refused?.gunicorn !== 200
      ? []
      : [`| ${behaviour} | [\`${refused.rule}\`](rules.md#${refused.rule.replace('.', '-')}) | ${refused.because} |`],
  );
  return ['| request | rule | why |', '|---|---|---|', ...lines].join('\n');
}
