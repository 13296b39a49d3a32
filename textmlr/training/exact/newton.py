"""Truncated Newton: an optimiser of a function, by its gradient and its Hessian's products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self, TypeVar

FORCING = 0.5  # the largest share of ‖gradient‖ that conjugate gradients may leave
MOST_PRODUCTS = 300  # products of a vector and the Hessian, in one step
SUFFICIENT = 1e-4  # share of the fall that the slope promises: Armijo's constant
MOST_HALVINGS = 40


class Vector(Protocol):
    """An element of a space with an inner product."""

    def dot(self, other: Self) -> float:
        """The inner product."""
        ...

    def plus(self, factor: float, other: Self) -> Self:
        """self + factor·other, a new one."""
        ...

    def times(self, factor: float) -> Self:
        """factor·self, a new one."""
        ...


V = TypeVar("V", bound=Vector)


class Problem(Protocol[V]):
    """A convex function of a Vector."""

    def measure(self, point: V) -> tuple[float, V]:
        """(value, gradient) at the point; ``curve`` is the Hessian there from now on."""
        ...

    def value(self, point: V) -> float:
        """The value alone."""
        ...

    def curve(self, direction: V) -> V:
        """The Hessian times a direction."""
        ...


def minimise(
    problem: Problem[V],
    point: V,
    done: Callable[[V, float, float], bool],
    most_steps: int,
) -> tuple[V, int]:
    """(the point where ``done`` is true, or no step helps any more, or after most_steps; steps).

    done  called with each point, its value and the norm of its gradient

    Each step is a solution of Newton's equations by conjugate gradients, which leave less than
    min(FORCING, √(‖g‖/‖g_0‖))·‖g‖ of them.  Source: Nocedal and Wright, Numerical Optimization,
    2006, algorithm 7.1.
    """
    first = 0.0
    for step in range(most_steps):
        value, gradient = problem.measure(point)
        norm = max(gradient.dot(gradient), 0.0) ** 0.5
        if done(point, value, norm):
            return point, step
        first = first or norm
        direction = _direction(problem, gradient, min(FORCING, (norm / first) ** 0.5))
        slope = gradient.dot(direction)
        length = 1.0
        for _ in range(MOST_HALVINGS):
            further = point.plus(length, direction)
            if problem.value(further) <= value + SUFFICIENT * length * slope:
                break
            length /= 2
        else:
            # Near the minimum the value no longer tells; a full step still lessens the gradient.
            further = point.plus(1.0, direction)
            gradient = problem.measure(further)[1]
            if not gradient.dot(gradient) < norm**2:
                return point, step
        point = further
    return point, most_steps


def _direction(problem: Problem[V], gradient: V, forcing: float) -> V:
    """Conjugate gradients on Hessian·d = −gradient, until they leave forcing·‖gradient‖."""
    residual = gradient.times(-1.0)
    direction, search = residual.times(0.0), residual
    square = residual.dot(residual)
    enough = forcing**2 * square
    for _ in range(MOST_PRODUCTS):
        curved = problem.curve(search)
        curvature = search.dot(curved)
        if curvature <= 0:  # no more than rounding
            break
        length = square / curvature
        direction = direction.plus(length, search)
        residual = residual.plus(-length, curved)
        last, square = square, residual.dot(residual)
        if square <= enough:
            break
        search = residual.plus(square / last, search)
    return direction if direction.dot(direction) > 0 else gradient.times(-1.0)
