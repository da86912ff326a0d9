"""Trains lite: python -m vid2vid.train --data DIR --out DIR [--config FILE] [--set data.frames=3 ...] [--minutes 60]

Resumes by itself from OUT/last.pt; Ctrl-C and the end of the minutes both leave a whole checkpoint. OUT/log.jsonl has the curve, OUT/sheets
a picture per evaluation, always of the same held-out samples.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import checkpoint
from .config import TrainConfig, load, override
from .data.batches import Batch, Sampler, nearest_portrait
from .evaluation.perceptual import DEFAULT_WEIGHTS
from .losses import Losses, Target, flow_errors, perceptual_features
from .networks.discriminator import Discriminator, discriminator_loss
from .networks.geometry import to_picture
from .networks.lite import Lite, Past, pick
from .sheet import training_sheet

MIRROR = Path(__file__).parents[1] / "landmark_codec/mirror.txt"
GRADIENT_LIMIT = 1.0
SPOILED_SHARE = 0.25
STOPPED = 130  # exit code after SIGINT or SIGTERM; the checkpoint is whole


def mirror_landmarks() -> np.ndarray:
    rows = [line for line in MIRROR.read_text().splitlines() if not line.startswith("#")]
    return np.array(" ".join(rows).split(), dtype=np.int64)


class Trainer:
    def __init__(self, config: TrainConfig, data: Path, out: Path, *, device: str, features: Path, resident: bool):
        self.config, self.out, self.device = config, Path(out), device
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "sheets").mkdir(exist_ok=True)
        torch.manual_seed(config.seed)
        self.network = Lite(config.network).to(device, memory_format=torch.channels_last)
        self.average = Lite(config.network).to(device).requires_grad_(False).eval()
        self.average.load_state_dict(self.network.state_dict())
        self.judge = Discriminator().to(device) if config.loss.adversarial > 0 else None
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=config.learning_rate, betas=(0.5, 0.99))
        self.judge_optimiser = self.judge and torch.optim.Adam(self.judge.parameters(), lr=config.discriminator_rate, betas=(0.0, 0.99))
        self.losses = Losses(config.loss, perceptual_features(config.loss.features, features).to(device), config.network.size, device)
        common = {"size": config.network.size, "mirror": mirror_landmarks(), "device": device, "resident": resident}
        self.sampler = Sampler(data, config.data, seed=config.seed, **common)
        self.shown = Sampler(
            data, replace(config.data, colour=0, grey=0, flip=0, landmark_noise=0, clips=1, frames=3), seed=99, held_out=True, **common
        )
        self.step, self.trained_s, self.stop = 0, 0.0, False
        self.first_step = 0  # of this optimiser
        self.judge_since = 0  # step from which the judge has learned
        self.commit = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=Path(__file__).parent, capture_output=True, text=True
        ).stdout.strip()
        self.random = torch.Generator()

    # -- state

    def save(self) -> None:
        state = {
            "step": self.step, "first_step": self.first_step, "trained_s": self.trained_s, "commit": self.commit,
            "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }  # fmt: skip
        if self.judge is not None:
            state |= {
                "judge": self.judge.state_dict(),
                "judge_optimiser": self.judge_optimiser.state_dict(),
                "judge_since": self.judge_since,
            }
        checkpoint.save(self.out / "last.pt", self.config, state)

    def resume(self, path: Path) -> None:
        """Goes on where a checkpoint of this run stopped. Raises ValueError when its network is another one."""
        state = self._take(path)
        self.optimiser.load_state_dict(state["optimiser"])
        if self.judge is not None and "judge" in state:
            self.judge.load_state_dict(state["judge"])
            self.judge_optimiser.load_state_dict(state["judge_optimiser"])
        self.step, self.first_step = state["step"], state.get("first_step", 0)
        self.judge_since = state.get("judge_since", self.first_step) if "judge" in state else self.step

    def begin_with(self, path: Path, *, step: int = 0) -> None:
        """Takes a checkpoint's weights, for a run with a schedule of its own; `step` chooses which samples come first. Of another shape of
        network the tensors that fit are taken, and those that begin anew are named."""
        self._take(path, anew=True)
        self.step = self.first_step = self.judge_since = step

    def _take(self, path: Path, *, anew: bool = False) -> dict:
        config, state = checkpoint.read(path)
        if config.network != self.config.network and not anew:
            raise ValueError(f"{path} holds another network than this run's settings describe")
        missing = checkpoint.fill(self.network, state.get("network", state["average"]), anew=anew)
        self.average.load_state_dict(self.network.state_dict())
        checkpoint.fill(self.average, state["average"], anew=anew)
        if missing:
            print(f"begins anew: {', '.join(missing)}", flush=True)
        self.trained_s = state["trained_s"]
        return state

    # -- one step

    def rate(self) -> float:
        """Share of the learning rate: a short rise, then half a cosine down to a twentieth."""
        c = self.config
        rise = min(1.0, (self.step - self.first_step + 1) / c.warmup)
        done = min(1.0, self.step / c.steps)
        return rise * (0.05 + 0.95 * (1 + math.cos(math.pi * done)) / 2)

    def train_step(self) -> dict[str, float]:
        c = self.config
        if c.only_flow:
            return self.flow_step()
        batch = self.begin_step()
        totals: dict[str, float] = {}
        made, target, before = None, None, None
        judge = self.judge if self.step - self.judge_since >= c.warmup else None  # which knows nothing yet
        with self.autocast(), torch.set_grad_enabled(not c.keep_enrolment):
            person = self.network.enrol(batch.portraits, batch.portrait_landmarks, batch.plate).repeat(batch.frames.shape[1])
        past = self.first_past(batch)
        frames = batch.frames.shape[2]
        loss = 0.0
        for frame in range(frames):
            made, target = self.make(person, batch, frame, past)
            terms = self.losses(made, target, self.random, judge, before)
            loss = loss + sum(terms.values()) / frames
            for name, value in terms.items():
                totals[name] = totals.get(name, 0.0) + float(value.detach()) / frames
            past = Past(made["frame"].detach(), target.landmarks, torch.ones_like(target.known))
            before = made["frame"], target.frame
        totals["gradient"] = self.learn(loss)
        if self.judge is not None and math.isfinite(totals["gradient"]):
            totals["judge"] = self.judge_step(made["frame"].detach(), target)
        return totals

    def flow_step(self) -> dict[str, float]:
        """W alone, each frame from the portrait and from the true frame before it, against the exact flow."""
        batch = self.begin_step()
        portraits, frames = batch.portraits.shape[1], batch.frames.shape[2]
        each = lambda x: x.flatten(0, 2)  # noqa: E731
        index = torch.randint(portraits, (len(batch.portraits),), generator=self.random).to(self.device)
        own = lambda x: pick(x, index).repeat_interleave(batch.frames.shape[1] * frames, 0)  # noqa: E731
        before = torch.cat([batch.before[:, :, None], batch.frames[:, :, :-1]], 2)
        points_before = torch.cat([batch.before_landmarks[:, :, None], batch.landmarks[:, :, :-1]], 2)
        past = Past(each(before), each(points_before), torch.ones(len(each(before)), device=self.device))
        points, plate = each(batch.landmarks), batch.plate.repeat_interleave(len(past.known) // len(batch.plate), 0)
        with self.autocast():
            with torch.no_grad():
                embedded = self.network.embed(points)
            made, _ = self.network.flows(
                to_picture(points), embedded[1], (own(batch.portraits), to_picture(own(batch.portrait_landmarks)), plate), past
            )
        seen, seen_before, head = (each(x) for x in (pick(batch.seen.permute(0, 3, 1, 2, 4, 5), index), batch.seen_previous, batch.head))
        flow = each(pick(batch.flow.permute(0, 3, 1, 2, 4, 5, 6), index))
        terms = flow_errors(made, (flow, seen * head), (each(batch.flow_previous), seen_before * head))
        return {"flow": float(terms.detach()), "gradient": self.learn(terms)}

    def begin_step(self) -> Batch:
        """This step's samples, with the learning rate and the noise that belong to it."""
        c = self.config
        self.random.manual_seed(
            (c.seed << 32) + self.step
        )  # so that a resumed run goes on with other noise, and the same as an unbroken one
        for group in self.optimiser.param_groups:
            group["lr"] = c.learning_rate * self.rate()
        self.network.train()
        for parameter in self.network.parameters():
            parameter.grad = None
        return self.sampler.batch(self.step, c.batch)

    def learn(self, loss: Tensor) -> float:
        """One step of the optimiser; gives the gradient's norm. A bad batch (a gradient that is no number) is skipped, not learned."""
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_LIMIT)
        self.step += 1
        if torch.isfinite(norm):
            self.optimiser.step()
            self.update_average()
        return float(norm)

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.config.bfloat16)

    def first_past(self, batch: Batch) -> Past:
        """Mostly none, as when a call begins: the frames after it then see the network's own output, with its faults. A true frame would
        be trusted blindly; so the few that are given, for variety, are spoiled as many generations would spoil them."""
        before = batch.before.flatten(0, 1)
        known = (torch.rand(len(before), generator=self.random) < SPOILED_SHARE).float().to(before)[:, None, None, None]
        noise = torch.randn(before.shape, generator=self.random).to(before) * self.config.data.previous_noise
        tint = torch.randn(len(before), 3, 1, 1, generator=self.random).to(before) * self.config.data.previous_noise
        soft = F.avg_pool2d(before, 5, 1, 2, count_include_pad=False)
        # Without a frame before, the landmarks before are the frame's own, as in a call.
        landmarks = torch.where(known[:, :, 0] > 0, batch.before_landmarks.flatten(0, 1), batch.landmarks[:, :, 0].flatten(0, 1))
        return Past((soft + noise + tint).clamp(0, 1) * known, landmarks, known.flatten())

    def make(self, person, batch: Batch, frame: int, past: Past, *, pick_any: bool = True) -> tuple[dict[str, Tensor], Target]:
        landmarks = batch.landmarks[:, :, frame].flatten(0, 1)
        index = nearest_portrait(person.reference_landmarks, landmarks)
        if pick_any:  # now and then another portrait, so that long ways are learned too
            other = torch.randint(person.references.shape[1], index.shape, generator=self.random).to(index)
            index = torch.where((torch.rand(index.shape, generator=self.random) < 0.3).to(index.device), other, index)
        with self.autocast():
            made = self.network(person, landmarks, past, index) if self.network.training else self.average(person, landmarks, past, index)
        flat = lambda x: x[:, :, frame].flatten(0, 1)  # noqa: E731
        clips = batch.frames.shape[1]
        return made, Target(
            flat(batch.frames), landmarks, pick(flat(batch.flow), index), pick(flat(batch.seen), index), flat(batch.flow_previous),
            flat(batch.seen_previous), flat(batch.head), batch.exact.repeat_interleave(clips), past.known,
        )  # fmt: skip

    def judge_step(self, made: Tensor, target: Target) -> float:
        with self.autocast():
            (real, _), (fake, _) = (self.judge(*shown) for shown in self.losses.judged(target, self.random, target.frame, made))
        loss = discriminator_loss(real, fake)
        self.judge_optimiser.zero_grad()
        loss.backward()
        self.judge_optimiser.step()
        return float(loss.detach())

    def update_average(self) -> None:
        keep = min(self.config.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.network.parameters()):
                mean.lerp_(value, 1 - keep)

    # -- looking at it

    @torch.no_grad()
    def evaluate(self, batches: int = 8) -> dict[str, float]:
        """The losses of the averaged weights on fixed held-out samples, and a sheet of some of them."""
        self.network.eval()
        sums, rows = {}, []
        random = torch.Generator().manual_seed(5)
        for number in range(batches):
            batch = self.shown.batch(number, 4)
            person = self.average.enrol(batch.portraits, batch.portrait_landmarks, batch.plate)
            past, made, target = Past.none(batch.landmarks[:, :, 0].flatten(0, 1), self.config.network.size), None, None
            for frame in range(batch.frames.shape[2]):
                before = made and (made["frame"], target.frame)
                made, target = self.make(person, batch, frame, past, pick_any=False)
                past = Past(made["frame"], target.landmarks, torch.ones_like(target.known))
            for name, value in self.losses(made, target, random, None, before).items():
                sums[name] = sums.get(name, 0.0) + float(value) / batches
            if number < 3:
                rows.append((batch, made, target))
        training_sheet(rows, self.out / "sheets" / f"{self.step:07d}.png")
        return sums

    def run(self, *, minutes: float, evaluate_every_s: float, save_every_s: float) -> None:
        start = last_save = last_look = time.monotonic()
        sums, count, began = {}, 0, self.trained_s
        while not self.stop and self.step < self.config.steps:
            for name, value in self.train_step().items():
                sums[name] = sums.get(name, 0.0) + value
            count += 1
            now = time.monotonic()
            self.trained_s = began + now - start
            if now - last_look >= evaluate_every_s:
                held_out = self.evaluate()
                rate = count / (now - last_look)
                left_s = min(minutes * 60 - (now - start), (self.config.steps - self.step) / rate)
                self.report({n: v / count for n, v in sums.items()}, held_out, rate, left_s)
                sums, count, last_look = {}, 0, time.monotonic()
            if now - last_save >= save_every_s:
                self.save()
                last_save = time.monotonic()
            if now - start >= minutes * 60:
                break
        self.save()  # first of all: who stops a run may not wait for more
        self.report({n: v / max(1, count) for n, v in sums.items()}, self.evaluate(), count / max(1e-3, time.monotonic() - last_look), 0)

    def report(self, train: dict[str, float], held_out: dict[str, float], rate: float, left_s: float) -> None:
        rounded = lambda d: {n: round(v, 5) for n, v in d.items()}  # noqa: E731
        line = {
            "step": self.step,
            "hours": round(self.trained_s / 3600, 3),
            "steps_per_s": round(rate, 3),
            "train": rounded(train),
            "held_out": rounded(held_out),
        }
        with open(self.out / "log.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")
        total = sum(held_out.values())
        print(
            f"step {self.step}  {self.trained_s / 60:.1f} min trained, {left_s / 60:.0f} left  {rate:.2f} steps/s  held out {total:.4f}  "
            + "  ".join(f"{n} {v:.4f}" for n, v in held_out.items()),
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder per source")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, help="JSON of the settings that differ from the defaults")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="single settings, laid over the file's")
    parser.add_argument("--start", type=Path, help="checkpoint whose weights to begin with when OUT has none of its own")
    parser.add_argument(
        "--first-step", type=int, default=0, help="with --start: where in the schedule and in the order of samples to begin"
    )
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--evaluate-every", type=float, default=600, help="seconds")
    parser.add_argument("--save-every", type=float, default=60, help="seconds")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--perceptual", type=Path, default=DEFAULT_WEIGHTS, help="SqueezeNet weights (.npz)")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    config = override(load(options.config) if options.config else TrainConfig(), options.set)
    trainer = Trainer(
        config, options.data, options.out, device=options.device, features=options.perceptual, resident=options.device != "cpu"
    )
    last = options.out / "last.pt"
    if last.exists():
        trainer.resume(last)
    elif options.start:
        trainer.begin_with(options.start, step=options.first_step)
    signal.signal(signal.SIGINT, lambda *_: setattr(trainer, "stop", True))
    signal.signal(signal.SIGTERM, lambda *_: setattr(trainer, "stop", True))
    trainer.run(minutes=options.minutes, evaluate_every_s=options.evaluate_every, save_every_s=options.save_every)
    if trainer.stop:  # so that a recipe does not take a stopped run for a finished one
        raise SystemExit(STOPPED)


if __name__ == "__main__":
    main()
