import type { ClientProof, EnteredClient, Questions } from '../../core/questions.js';
import { Secret } from '../../core/secret.js';
import type { ServerId } from '../../core/server.js';
import type { VSCode } from '../editor/api.js';
import { iconless } from '../editor/iconless.js';
import { askFor } from '../editor/input-box.js';

/** Asks in menus and boxes at the top of the window. What is typed as a secret goes to the vault and nowhere else. */
export function signInQuestions(vs: VSCode): Questions {
  const { l10n, window } = vs;
  const titleFor = (server: ServerId) => l10n.t('Sign in for “{0}”', server);
  const needed = (text: string) => (text.trim() === '' ? l10n.t('Type or paste it, please.') : undefined);
  const ask = (server: ServerId, prompt: string, isSecret: boolean, isOptional = false) =>
    askFor(vs, {
      title: titleFor(server),
      prompt,
      isSecret,
      check: isOptional ? () => undefined : needed,
    });

  return {
    issuer: async (server, issuers) => {
      const items = issuers.map((issuer) => ({
        label: iconless(hostOf(issuer)),
        description: iconless(issuer),
        issuer,
      }));
      const placeHolder = l10n.t('Which authorization server?');
      return (await window.showQuickPick(items, { title: titleFor(server), placeHolder }))?.issuer;
    },

    client: async (server, issuer, redirectUri): Promise<EnteredClient | undefined> => {
      const host = hostOf(issuer);
      const needsClient =
        redirectUri === undefined
          ? l10n.t(
              '{0} does not register this editor by itself. Create a client for device codes there, and enter its client ID.',
              host,
            )
          : l10n.t(
              '{0} does not register this editor by itself. Create a client there with the redirect URI {1}, and enter its client ID.',
              host,
              redirectUri,
            );
      const clientId = await ask(server, needsClient, false);
      if (clientId === undefined) return undefined;
      const prompt = l10n.t('Its client secret; leave this empty when it has none.');
      const secret = await ask(server, prompt, true, true);
      if (secret === undefined) return undefined;
      const clientSecret = secret.trim();
      return {
        clientId: clientId.trim(),
        ...(clientSecret !== '' && { clientSecret: new Secret(clientSecret) }),
      };
    },

    mayReceive: async ({ server, isProposed, account, scopes, origin, quotaProject }) => {
      const allow = l10n.t('Allow');
      const who = account ?? l10n.t('the account that you are about to sign in with');
      const question = l10n.t(
        'Send tokens of {0} to {1}, where the MCP server “{2}” is?',
        who,
        origin,
        server,
      );
      const sentences = [
        ...(isProposed ? [l10n.t('This workspace has named the server, and not you.')] : []),
        ...(scopes.length === 0 ? [] : [l10n.t('They allow: {0}.', scopes.join(', '))]),
        ...(quotaProject === undefined
          ? []
          : [l10n.t('Their use is charged to the project {0}.', JSON.stringify(quotaProject))]),
        l10n.t(
          'Whoever gets one can use it everywhere for as long as it lasts. Allow it only if you trust that address.',
        ),
      ];
      const detail = sentences.join(' ');
      return (await window.showWarningMessage(question, { modal: true, detail }, allow)) === allow;
    },

    proof: async (server, issuer, clientId, what) => {
      const proof = await ask(server, proofPrompt(vs, hostOf(issuer), clientId, what), true);
      return proof === undefined ? undefined : new Secret(proof.trim());
    },
  };
}

function proofPrompt({ l10n }: VSCode, host: string, clientId: string, what: ClientProof): string {
  switch (what) {
    case 'client secret':
      return l10n.t('The client secret of “{0}” at {1}', clientId, host);
    case 'private key':
      return l10n.t('The private key of “{0}” at {1}, in PEM (PKCS #8) or as a JWK', clientId, host);
  }
}

const hostOf = (issuer: string): string => (URL.canParse(issuer) ? new URL(issuer).host : issuer);
