"""What a cart does to a click before a sale: estimated on past ones, or read from the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PositiveInt

from learners.auxiliary.base import AUXILIARIES, Auxiliary, Estimator

if TYPE_CHECKING:
    from learners.materials import Materials

NAMES = ("theta1", "theta0", "tau")


@AUXILIARIES.register("cart-effect")
class CartEffect(Auxiliary):
    """``theta1``, ``theta0``: the chance of a delayed pay with and without a cart on the day of the click; ``tau``: what the
    first is above the second.

    Estimated on the clicks of the history's pre-promotion windows, in the manner of CM-DCM (eq. 9). The chance of a cart, e,
    and the rates of delayed pays in each arm, mu1 and mu0, are logistic regressions on the everyday model's log odds of a cart
    and of a pay on the day, days to the sale and the features of few values; each click's are fitted on the users of other
    folds. From them come doubly robust pseudo-outcomes, mu1 + a (y - mu1) / e and mu0 + (1 - a) (y - mu0) / (1 - e). They are
    too noisy to learn from one by one: theta1 is mu1 and a linear regression of what the pseudo-outcome is above it (the
    DR-learner: Kennedy, EJS 2023). It is the effect of a cart if nothing else moves both carts and delayed pays: what is
    hidden from the features is in it (`docs/world.md`, confounder).
    """

    estimates = NAMES

    by: Literal["dr", "ips"] = "dr"
    """Doubly robust, or by inverse propensities alone: a y / e and (1 - a) y / (1 - e), regressed as they are."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Into how many parts users are put."""
    clip: Annotated[float, Field(gt=0, lt=0.5)] = 0.02
    """The least propensity, and the least chance of no cart."""
    values: PositiveInt = 20
    """Features with at most so many values are covariates, one column a value."""

    def prepare(self, materials: Materials) -> Estimator:
        """Fit.

        Raises
        ------
        RunError : the history holds no clicks before a sale, or outside some fold none with a cart, or none without one.
        """
        from learners.cmdcm.estimator import fitted

        return fitted(self, materials)


@AUXILIARIES.register("true-cart-effect")
class TrueCartEffect(Auxiliary):
    """As ``cart-effect``, from the truth of a world: P(delayed) of each click with and without a cart, hidden intent known."""

    estimates = NAMES
    peeks = True

    def prepare(self, materials: Materials) -> Estimator:
        """Look into the log.

        Raises
        ------
        ScenarioError : its truth does not say what carts do.
        """
        from learners.cmdcm.estimator import true_effect

        return true_effect(self, materials)
