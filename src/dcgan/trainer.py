"""A run in progress: the loop around the step, and all that it watches and writes."""

import copy
import math
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch

from dcgan.checkpoint import Run
from dcgan.config import Config
from dcgan.data.loader import derive, loader_of
from dcgan.data.pack import Pack
from dcgan.errors import DCGANError, Stopped
from dcgan.files import replacing
from dcgan.health import Distance, Health, is_mostly_dead
from dcgan.images import save_picture, sheet, to_floats
from dcgan.log import RunLog, logger, progress
from dcgan.looks import Look
from dcgan.model import (
    CALIBRATION_BATCH,
    Model,
    calibrate,
    latents_to_measure,
    pictures_to_measure,
)
from dcgan.sample import draw, labels_of, latents_of
from dcgan.step import BAD_STEPS_IN_A_ROW, StepLosses, TrainState, train_step
from dcgan.stopping import Stop, stop_signals
from dcgan.tensors import Images, Labels

SHEET_SEEDS = range(64)


class Best(NamedTuple):
    """The smallest distance so far."""

    distance: float
    images_seen: int
    measured_at: int
    """The moment of the last measurement, which may be a later one."""
    described: str


class Trouble(NamedTuple):
    """Why a run cannot go on as it is, and since when."""

    text: str
    since: int
    is_collapse: bool = False


class Trainer:
    """A run in progress: the state, the pictures it learns from, the folder it writes to.

    Of many processes the first alone writes and decides, and tells the others.

    Args:
        state: networks and optimisers, as new.
        pack: the pictures.
        folder: where the run is written.
        distance: measured at each checkpoint, to know the best model by; None: not known.
    """

    def __init__(
        self, state: TrainState, pack: Pack, folder: Run, distance: Distance | None = None
    ) -> None:
        self.state, self.pack, self.folder, self.distance = state, pack, folder, distance
        self.options, self.group = state.config.train, state.group
        part = self.group.rank, self.group.count
        self.loader = loader_of(state.config, pack, self.options.batch_at, part, state.device)
        self.health = Health(self.loader)
        self.best: Best | None = None
        self.words: dict[str, str] = {}
        """What the progress line says, by subject."""
        self.written = 0
        """The moment of the last checkpoint."""

    def begin(self) -> None:
        """Goes back to the newest sound checkpoint, or writes the first sheet of a new run.

        Raises:
            DCGANError: the checkpoint is of other pictures, or was measured by another distance.
        """
        described = self.distance.described if self.distance else None
        saved = self.group.told(
            lambda: self.folder.latest_for(self.state.config, self.pack, described)
        )
        if saved:
            self.restore(saved)
        self.group.first(lambda: self.set_in_order(is_new=saved is None))
        if saved:
            self.say_where(saved)
        if self.best and not self.distance:
            logger.warning(
                f"{self.folder.path} was measured with {self.best.described} until now. Without it "
                f"the best model stays as it was at {self.best.images_seen:,} pictures, and that "
                "is what is drawn from; give --encoder or --inception as before."
            )

    def set_in_order(self, *, is_new: bool) -> None:
        """Makes the folder fit the moment at which the run begins or goes on.

        Raises:
            DCGANError: something cannot be written.
        """
        self.folder.write_config(self.state.config)
        if is_new:
            self.folder.delete_remains()
            self.write_sheet()
            return
        self.folder.set_aside_after(self.state.images_seen)
        if self.is_on_plateau() or self.is_at_end():
            self.write_model()

    def say_where(self, saved: dict[str, Any]) -> None:
        """Says where the run goes on, and what is otherwise than in its checkpoint."""
        processes, now = saved.get("processes", 1), self.group.count
        before = Config.from_json(saved["config"], "the checkpoint").train
        if self.is_on_plateau():
            logger.info(f"{self.plateau()} Train on with more --patience.")
        elif not self.is_at_end():
            logger.info(f"Going on from {self.state.images_seen:,} pictures.")
            if processes != now:
                logger.info(
                    f"The number of processes was {processes} until here, and is {now} now; batch "
                    f"norm takes {self.state.together(self.state.batch)} pictures together."
                )
            was_falling = before.decay_share and self.written > before.falls_from()
            if was_falling and before.images != self.options.images:
                logger.info(
                    f"The step size was falling towards the end at {before.images:,} pictures; "
                    f"now it falls from {self.options.falls_from():,.0f} on."
                )
        else:
            logger.info(
                f"{self.folder.path} has seen all its {self.options.images:,} pictures; "
                "train on with more --images or --passes."
            )

    def restore(self, saved: dict[str, Any]) -> None:
        """Takes over what a checkpoint holds."""
        self.state.load_state_dict(saved["training"])
        self.health.load_state_dict(saved["health"])
        self.best = Best(**saved["best"]) if saved["best"] else None
        self.written = self.state.images_seen

    def go_on(self) -> None:
        """Trains to the end and writes what is due on the way.

        Raises:
            Stopped: a signal came; all is saved.
            DCGANError: steps keep failing, or something cannot be written.
        """
        options, begun = self.options, self.state.images_seen
        if not self.is_at_end() and not self.is_on_plateau():
            self.group.first(lambda: self.distance.prepare() if self.distance else None)
        recent: list[StepLosses] = []
        with (
            self.opened_log() as log,
            stop_signals(self.group.count > 1) as signals,
            progress("Training", options.images, done=begun, unit="pictures") as bar,
        ):
            stop = Stop(self.group, signals)
            while not stop.asked() and not self.is_at_end() and not self.is_on_plateau():
                before = self.state.images_seen
                losses = train_step(self.state, *self.next_batch())
                bar.update(self.state.images_seen)
                recent.append(losses)
                self.health.note(losses)
                trouble = None
                if self.is_due(options.log_interval, before) or self.is_at_end():
                    trouble = self.write_log(log, recent, bar.rate())
                if self.is_due(options.watch_interval, before):
                    trouble = self.group.told(lambda: self.look(log)) or trouble
                if trouble:
                    self.go_back(log, trouble)
                    recent.clear()
                    bar.go_back(self.state.images_seen)
                elif self.is_due(options.checkpoint_interval, before):
                    self.write_checkpoint(log)
                if self.is_due(options.sheet_interval, before):
                    self.group.first(self.write_sheet)
                bar.update(self.state.images_seen, "  ".join(filter(None, self.words.values())))
            stop.close()
            # At the end, or when asked to stop at whatever moment: what is not written yet.
            if recent:
                self.write_log(log, recent, bar.rate())
            if self.written != self.state.images_seen:
                self.group.first(self.write_sheet)
                self.write_checkpoint(None if stop.signal else log, is_regular=False)
        if stop.signal and not self.is_at_end():
            raise Stopped(
                f"Stopped after {self.state.images_seen:,} pictures; all is saved in "
                f"{self.folder.path}, and the same command goes on from there.",
                stop.signal,
            )
        if self.is_on_plateau() and self.state.images_seen > begun:
            logger.info(self.plateau())

    @contextmanager
    def opened_log(self) -> Iterator[RunLog | None]:
        """The log of the run, where this process writes it."""
        log = self.group.first(lambda: RunLog(self.folder.path, self.state.images_seen))
        with closing(log) if log else nullcontext():
            yield log

    def is_at_end(self) -> bool:
        """Whether the run has seen all its pictures."""
        return self.state.images_seen >= self.options.images

    def next_batch(self) -> tuple[Images, Labels | None]:
        """This process's pictures and labels of the next step, on the device.

        Mirrored at random, if asked for.
        """
        state = self.state
        pixels, labels = self.loader.batch(state.images_seen)
        real = to_floats(pixels)
        if self.options.flip:
            rng = state.rng("flip")
            whole = torch.rand(state.batch, 1, 1, 1, device=rng.device, generator=rng)
            real = torch.where(self.group.share(whole) < 0.5, real.flip(3), real)
        return real, labels

    def is_due(self, interval: int, before: int) -> bool:
        """Whether a multiple of so many pictures was crossed since the moment before the step."""
        return self.state.images_seen // interval > before // interval

    def write_log(
        self, log: RunLog | None, recent: list[StepLosses], rate: float
    ) -> Trouble | None:
        """Logs the means over the last steps, and forgets these; waits for the device.

        Returns:
            That steps keep failing, if they do.

        Raises:
            DCGANError: the log cannot be written.
        """
        own = torch.stack([torch.stack(losses) for losses in recent]).nanmean(0)
        means = self.group.means(own)
        recent.clear()
        # A network that had no turn in these steps has no loss.
        known = {n: v for n, v in zip(StepLosses._fields, means, strict=True) if math.isfinite(v)}
        line = {"images_seen": self.state.images_seen, **known, "images_per_second": rate}
        self.group.first(lambda: log.write(line) if log else None)
        self.words["losses"] = describe(known)
        since = int(self.state.failing_since.item())
        if since < 0:
            return None
        return Trouble(
            f"{BAD_STEPS_IN_A_ROW} steps in a row gave losses or gradients that are not finite; "
            "none of them entered the weights",
            since + 1,
        )

    def look(self, log: RunLog | None) -> Trouble | None:
        """Looks at how the run does, and logs what was found.

        Returns:
            What it will not get out of, while it still may go back.

        Raises:
            DCGANError: the log cannot be written.
        """
        look, findings = self.health.look(self.state), self.health.findings()
        texts = [finding.text for finding in findings]
        if log:
            log.write({**look.numbers(), "health": texts})
        self.words["health"] = "; ".join(texts)
        if self.state.attempt < self.options.rollbacks:
            for finding in findings:
                if finding.is_grave:
                    since = self.health.looks[0].images_seen
                    return Trouble(finding.text, since, is_collapse=True)
        return None

    def go_back(self, log: RunLog | None, trouble: Trouble) -> None:
        """Goes on from the last checkpoint before the trouble, or from the start.

        After a collapse it does not go on from one of which most maps of a layer were dead. With
        half the step size and other noise. The log so far stays as `log-1.jsonl` and so on.

        Raises:
            DCGANError: it has gone back as often as it may, or something cannot be written.
        """
        then, attempt, best = self.state.images_seen, self.state.attempt + 1, self.best
        saved = self.group.told(lambda: self.latest_before(log, trouble, attempt))
        config, device = self.state.config, self.state.device
        del self.state  # two may not fit into a GPU's memory at once
        self.state = TrainState(config, device, group=self.group)
        self.health = Health(self.loader)
        if saved:
            self.restore(saved)
        self.best = best  # whatever came of it later, its model is kept
        self.state.attempt = attempt
        self.state.bad_in_a_row.zero_()
        self.state.failing_since.fill_(-1)
        self.words = {}
        self.write_checkpoint(None)  # first the new, then away with the old
        self.group.first(lambda: self.delete_after(log, trouble))
        logger.warning(
            f"Around {then:,} pictures: {trouble.text}. Going back to {self.state.images_seen:,}, "
            "with half the step size and other noise, "
            f"time {attempt} of at most {self.options.rollbacks}."
        )

    def latest_before(
        self, log: RunLog | None, trouble: Trouble, attempt: int
    ) -> dict[str, Any] | None:
        """What the checkpoint holds to which the run goes back; the log so far is kept.

        Raises:
            DCGANError: it has gone back as often as it may, or something cannot be written.
        """
        folder, most = self.folder, self.options.rollbacks
        if attempt > most:
            before = f"It has gone back {most} times already. " if most else ""
            raise DCGANError(
                f"Around {self.state.images_seen:,} pictures, {trouble.text}. {before}"
                f"Try {'--precision float32, or ' * self.state.bfloat16}another run with a smaller "
                "--learning-rate."
            )
        with replacing(folder.path / f"log-{attempt}.jsonl") as file:
            assert log, "this is the process that writes"
            file.write(log.path.read_bytes())
        return folder.latest_before(
            trouble.since, lambda saved: not trouble.is_collapse or is_alive(saved)
        )

    def delete_after(self, log: RunLog | None, trouble: Trouble) -> None:
        """Takes out of the folder what came after the moment to which the run went back.

        Raises:
            DCGANError: something cannot be written.
        """
        assert log, "this is the process that writes"
        seen = self.state.images_seen
        self.folder.delete_after(seen)
        log.go_back(seen)
        log.write({
            "images_seen": seen,
            "attempt": self.state.attempt,
            "trouble": trouble.text,
        })  # fmt: skip

    def is_on_plateau(self) -> bool:
        """Whether the distance has not become smaller for as long as the user has patience."""
        patience, best = self.options.patience, self.best
        if not patience or not best:
            return False
        return best.measured_at - best.images_seen >= patience

    def plateau(self) -> str:
        """The same as a sentence."""
        assert self.best
        return (
            f"The distance has not become smaller since {self.best.images_seen:,} pictures "
            f"({self.best.distance:.2f}): stopped after {self.best.measured_at:,}."
        )

    def write_sheet(self) -> None:
        """Draws the same latents as ever, with batch statistics as the paper does."""
        network, average = self.state.config.network, self.state.average
        z, labels = latents_of(SHEET_SEEDS, network), labels_of(SHEET_SEEDS, network)
        pixels = draw(average, z, labels)
        save_picture(sheet(pixels), self.folder.sheet_file(self.state.images_seen))

    def write_checkpoint(self, log: RunLog | None, *, is_regular: bool = True) -> None:
        """Writes the model as it is now, then everything needed to go on.

        In this order, so that a run killed in between writes both anew when it goes on.

        Args:
            log: where the distance goes that is measured now; None: it is not.
            is_regular: whether it would be written without a stop, too. The run goes back to none
                but these, so that it ends in the same bits however often it was stopped.
        """
        self.best = self.group.told(lambda: self.save(log, is_regular))
        self.written = self.state.images_seen

    def save(self, log: RunLog | None, is_regular: bool) -> Best | None:
        """The same, in the process that writes; returns the best model so far."""
        state, info = self.state, self.pack.info
        model = self.write_model()
        if log and self.distance:
            self.compare(model, log)
        saved = {
            "training": state.state_dict(),
            "health": self.health.state_dict(),
            "best": self.best._asdict() if self.best else None,
            "config": state.config.to_json(),
            "digest": info.digest,
            "pictures": len(self.pack),
            "images_seen": state.images_seen,
            "processes": self.group.count,
        }
        looks = self.health.looks
        self.folder.save(
            saved,
            state.images_seen,
            self.options.keep_interval,
            is_regular=is_regular,
            needed=[look.images_seen for look in looks],
        )
        return self.best

    def compare(self, model: Model, log: RunLog) -> None:
        """Measures the distance of a model, and keeps it as the best one if that is the smallest.

        Raises:
            DCGANError: something cannot be written.
        """
        assert self.distance
        distance = self.distance.measure(model)
        if not self.best or distance < self.best.distance:
            model.save(self.folder.best_file)
            self.best = Best(distance, model.images_seen, 0, self.distance.described)
        self.best = self.best._replace(measured_at=model.images_seen)
        log.write({
            "images_seen": model.images_seen,
            "distance": distance,
            "best_distance": self.best.distance,
            "best_at": self.best.images_seen,
            "measured_by": self.distance.described,
        })  # fmt: skip
        words = f"distance {distance:.2f}"
        if distance > self.best.distance:
            words += f", best {self.best.distance:.2f} at {self.best.images_seen:,}"
        self.words["distance"] = words

    def write_model(self) -> Model:
        """Writes the model as it is now."""
        model = build_model(self.state, self.pack)
        model.save(self.folder.model_file)
        return model


def is_alive(saved: dict[str, Any]) -> bool:
    """Whether at a checkpoint's last look, if it has one, most maps of each layer were alive."""
    last = saved["health"]["looks"][-1:]
    return not any(is_mostly_dead(Look(**look)) for look in last)


def build_model(state: TrainState, pack: Pack) -> Model:
    """The model of this moment: the averaged generator and the discriminator, calibrated.

    The generator's statistics are measured over latents, the discriminator's over real pictures.
    """
    options, network = state.config.train, state.config.network
    rng = torch.Generator(state.device).manual_seed(derive(options.seed, "calibration", 0))
    loader = loader_of(state.config, pack, CALIBRATION_BATCH)
    generator, discriminator = copy.deepcopy(state.average), copy.deepcopy(state.discriminator)
    calibrate(generator, latents_to_measure(network, rng))
    calibrate(discriminator, pictures_to_measure(loader, state.device))
    names = pack.class_names(options.labels) if options.labels else ()
    info = pack.info
    notes = {"source": info.name, "digest": info.digest, "held_out": str(loader.held_out)}
    notes |= {"crop": info.crop, "background": info.background}
    half_life = options.average_half_life
    notes["weights"] = f"averaged, half-life {half_life:,} pictures" if half_life else "the last"
    return Model(generator, discriminator, names, state.images_seen, notes)


def describe(values: dict[str, float]) -> str:
    """The losses and the discriminator's mean answers, in a few words; a dash where unknown."""
    d_loss, g_loss = (f"{values[n]:.2f}" if n in values else "-" for n in ("d_loss", "g_loss"))
    real, fake = (f"{values[n]:.0%}" if n in values else "-" for n in ("d_real", "d_fake"))
    return f"loss D {d_loss} G {g_loss}  D says real {real} fake {fake}"
