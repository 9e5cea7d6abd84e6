"""What lies beside the tars of a dataset: counts, cards, and how samples are taken out again.

``write_cards(folder, facts_of(folder))`` says anew what is there, ``empty_slots`` takes samples out
and is followed by it.
"""

from facecurate.cards.emptying import Emptied, empty_slots
from facecurate.cards.facts import facts_of
from facecurate.cards.tally import tally_of
from facecurate.cards.writing import write_cards

__all__ = ["Emptied", "empty_slots", "facts_of", "tally_of", "write_cards"]
