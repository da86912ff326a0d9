import { StrictMode, useEffect, useState } from 'react';
import type { FormEvent, ReactElement } from 'react';
import { createRoot } from 'react-dom/client';
import { openMicrophone } from '@gioconda/client';
import {
  AvatarTile,
  CallControls,
  EnrolDialog,
  GiocondaProvider,
  PreviewTile,
  useAvatars,
  useCall,
  useTracker,
} from '@gioconda/client/react';
import '@gioconda/client/react/style.css';
import './style.css';

interface Message {
  id: string;
  name: string;
  text: string;
}

const getToken = async (): Promise<string> => {
  const answer = await fetch('/gioconda-token');
  if (!answer.ok) throw new Error('The chat server gives no token');
  return answer.text();
};

function Call({ name }: { name: string }): ReactElement {
  const { state, participants, join, error } = useCall();
  const { start, state: tracking } = useTracker();
  const { avatars, refresh } = useAvatars();
  const [chosen, setChosen] = useState<string>();
  const [enrolling, setEnrolling] = useState(false);
  const avatarId = chosen ?? avatars?.[0]?.id;

  if (state === 'connected' || state === 'reconnecting')
    return (
      <section className="call">
        <div className="tiles">
          {participants.map((participant) => (
            <AvatarTile key={participant.id} participant={participant} />
          ))}
        </div>
        <CallControls />
      </section>
    );

  const enter = async (): Promise<void> => {
    // Who denies camera or microphone is in the call all the same.
    if (avatarId && tracking === 'off') await start().catch(() => undefined);
    const microphone = await openMicrophone().catch(() => null);
    await join({ displayName: name, microphone, ...(avatarId && { avatarId }) }).catch(() => microphone?.stop());
  };
  return (
    <section className="call">
      {error && <p role="alert">{error.message}</p>}
      {avatarId && state !== 'connecting' && <PreviewTile className="preview" avatarId={avatarId} displayName={name} />}
      <label>
        Avatar
        <select value={avatarId ?? ''} onChange={({ target }) => setChosen(target.value)}>
          {avatars?.map((avatar) => (
            <option key={avatar.id} value={avatar.id}>
              {avatar.name}
            </option>
          ))}
        </select>
      </label>
      <button onClick={() => setEnrolling(true)}>New avatar</button>
      <button onClick={() => void enter()} disabled={!avatars || state === 'connecting'}>
        Join the call
      </button>
      <EnrolDialog
        open={enrolling}
        onClose={() => setEnrolling(false)}
        onEnrolled={({ id }) => {
          refresh();
          setChosen(id);
        }}
      />
    </section>
  );
}

function Chat({ name }: { name: string }): ReactElement {
  const [messages, setMessages] = useState<Message[]>([]);
  useEffect(() => {
    const source = new EventSource('/messages');
    source.onopen = () => setMessages([]);
    source.onmessage = ({ data }) => setMessages((before) => [...before, JSON.parse(String(data)) as Message]);
    return () => source.close();
  }, []);
  const send = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const text = new FormData(form).get('text');
    void fetch('/messages', { method: 'POST', body: JSON.stringify({ name, text }) }).then(() => form.reset());
  };
  return (
    <section className="chat">
      <ul>
        {messages.map((message) => (
          <li key={message.id}>
            <b>{message.name}</b> {message.text}
          </li>
        ))}
      </ul>
      <form onSubmit={send}>
        <input name="text" aria-label="Message" required maxLength={1000} />
        <button>Send</button>
      </form>
    </section>
  );
}

function App({ server }: { server: string }): ReactElement {
  const [name, setName] = useState('');
  if (!name)
    return (
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const entered = new FormData(event.currentTarget).get('name');
          if (typeof entered === 'string') setName(entered);
        }}
      >
        <input name="name" aria-label="Your name" required maxLength={64} />
        <button>Enter</button>
      </form>
    );
  return (
    <GiocondaProvider url={server} token={getToken}>
      <Call name={name} />
      <Chat name={name} />
    </GiocondaProvider>
  );
}

const { gioconda } = (await (await fetch('/config')).json()) as { gioconda: string };
createRoot(document.getElementById('app')!).render(
  <StrictMode>
    <App server={gioconda} />
  </StrictMode>,
);
