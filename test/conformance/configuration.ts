/** What the suite hands over for a scenario, as a user would have got it from an administrator. */
export type Context = Readonly<Record<string, string>>;

/** What the user of a scenario has set up before the first call. */
export interface Configuration {
  /** The entry's `auth` in the settings. */
  readonly auth: Readonly<Record<string, unknown>>;
}

/** The configuration that goes with the context of a scenario; most have none. */
export function configurationFor(context: Context): Configuration {
  const { client_id: clientId } = context;
  return { auth: { ...(clientId !== undefined && { clientId }) } };
}
