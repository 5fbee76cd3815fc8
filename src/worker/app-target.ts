/** Where the application is: `path/to/module.js:name`. `path` is absolute; `name` null means `app`, then `default`. */
export type AppTarget = { readonly path: string; readonly name: string | null };
