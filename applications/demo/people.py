"""Invented people, whom nobody will take for real ones, and what they and their reviewers write."""

import dataclasses
import random
import unicodedata

FIRST_NAMES = tuple(
    word
    for line in (
        "Ada Adjoa Aiko Alma Amara Anouk Arjun Aylin Ben Bianca Björn Carla Chidi Chloé Dariusz Deniz Dilnoza Elif",
        "Emil Esra Eun-ji Farid Fatou Finn Freya Giulia Hana Hugo Ida Ines Ioana Jasper João Kofi Lale Leila Linnéa",
        "Lucía Luis Mai Malik Márta Mei Mira Nadia Naoki Nils Noor Olena Omar Paula Pedro Priya Quentin Rania Ravi",
        "Rosa Sami Selma Sina Søren Tariq Tereza Thandi Tomás Ugo Vera Viktor Wanjiru Xenia Yara Yusuf Zoe",
    )
    for word in line.split()
)
# Each says “example” in some language; with an ending there are enough of them for everybody.
STEMS = tuple(
    word
    for line in (
        "Example Sample Muster Beispiel Probe Esempio Ejemplo Exemple Örnek Przykład Vzor Esimerk Demo Fiktiv",
        "Specimen Model Voorbeeld Náhled Pavyzd Namuna Näide Dummy Blank Template",
    )
    for word in line.split()
)
ENDINGS = (
    *("son", "feld", "ton", "berg", "ova", "oğlu", "ez", "i", "ström", "mann", "wicz", "dóttir", "er", "hauser", "ley"),
    *("escu", "idis", "ski", "sen", "ville", "wala", "uddin", "moto", "ka", "o’Test"),
)
UNIVERSITIES = (
    "University of Exampletown",
    "Samplebury Institute of Technology",
    "Technische Hochschule Musterstadt",
    "Université de Modèle-sur-Lac",
    "Universidad Ejemplar",
    "Politecnico di Esempio",
    "Örnek Üniversitesi",
    "Uniwersytet Przykładowy",
    "Voorbeeld Universiteit",
    "National University of Specimen",
    "Placeholder State University",
    "Esimerkki University of Technology",
    "Institute of Science, Nowhere",
    "Royal Academy of Templates",
    "Universität Beispielhausen",
    "École normale fictive",
    "Demo College of Engineering",
    "University of Lorem",
    "Ipsum Institute of Mathematics",
    "Vzorová univerzita",
)
PROGRAMMES = (
    "MSc Computer Science",
    "MSc Data Science",
    "MSc Computational Biology and Bioinformatics",
    "MSc Electrical Engineering",
    "MSc Mathematics",
    "MSc Statistics",
    "MSc Robotics, Systems and Control",
    "MSc Physics",
    "MSc Biomedical Engineering",
    "BSc Computer Science, last year",
    "MSc Artificial Intelligence",
    "MSc Neural Systems and Computation",
)
_OPENINGS = (
    "In my bachelor thesis I have worked on {field}, and this project asks the question at which I stopped.",
    "I read your group’s page twice, because I had not expected to find {field} and {other} in one project.",
    "For a year I have been a student assistant in a laboratory that works on {field}.",
    "What interests me about this project is that it can fail: either {field} helps here, or we learn why it does not.",
    "Since the lecture on {field} I have been looking for a thesis in which I may build something and measure it.",
    "I would like to write my thesis with you because {field} is what I read about in the evenings anyway.",
)
_MIDDLES = (
    "I have taken the courses on {other} and on statistics, and I am comfortable with Python and PyTorch.",
    "My grades are in the transcript; the weak one in {other} was the term in which I worked full time.",
    "Last summer I rewrote our pipeline for {field} and made it eleven times faster, which taught me to measure first.",
    "I have not worked with {other} before, but I have found my way into three unfamiliar code bases and enjoyed it.",
    "During an internship I labelled and cleaned data for four months; I know what a bad data set costs.",
    "I have run experiments on a cluster with limited hours and learned to plan them.",
)
_ENDS = (
    "I could begin on the day given below and would work on it full time.",
    "I would be glad to tell you more in a conversation.",
    "If the project is taken already, I would also be interested in a related one.",
    "I have read the proposal and would like to discuss the second experiment in it.",
    "Thank you for reading this far.",
)
FIELDS = (
    *("sequence alignment", "graph neural networks", "self-supervised learning", "uncertainty", "sparse training"),
    *("medical time series", "image segmentation", "language models", "causal inference", "energy measurement"),
    *("genome assembly", "representation learning", "optimisation", "federated learning", "signal processing"),
)
COMMENTS = (
    "Solid mathematics, little practice. I would ask about the internship.",
    "The motivation shows that they have read the proposal. Clear yes to a conversation.",
    "Grades are good, but the project needs somebody who has trained larger models.",
    "Interesting profile from another field; would need two months to find in.",
    "Very strong transcript. Starts later than we hoped, which is fine.",
    "The letter could have been sent to anybody.",
    "Good fit with the second part of the project. Code on the linked page is tidy.",
    "Not convinced: the courses that matter here are missing.",
    "",
    "",
)
NOTES = (
    "Asked the colleague who supervised the bachelor thesis; very reliable.",
    "Could also fit the project on compression.",
    "Earliest start is after our deadline, to be asked.",
    "Had a short call, friendly and prepared.",
    "Transcript of the last term is missing; will come in January.",
    "Let us wait until everybody has read this one.",
)
# What students ask after they have applied, and what they are told.
QUESTIONS = (
    ("Could I begin two weeks later than I wrote?", "Yes, that is no problem at all."),
    ("Is it possible to work on this from abroad for the first month?", "The first month, yes. Let us talk about it."),
    ("My transcript of this term comes in March. Shall I send it then?", "Please do, on the same page."),
    ("Which of the papers on your page should I read first?", "The second one; the first repeats half of it."),
    ("Would the thesis be written in English or in German?", "In English, please. We speak both."),
)
PERSONAL_LINES = (
    "I have enjoyed reading your letter, in particular the part about measuring first.",
    "We had many applications this term, and yours was among the last four.",
    "",
    "",
    "",
)
LINKS = ("", "", "https://example.org/portfolio", "https://code.example.net/thesis\nhttps://example.org/cv")
DOMAINS = ("example.org", "example.com", "example.net")  # reserved: no letter to them ever reaches anybody


@dataclasses.dataclass(frozen=True)
class Person:
    full_name: str
    email: str
    university: str
    programme: str


def invent(rng: random.Random, number: int) -> Person:
    """Somebody new; `number` keeps the addresses of all of them apart."""
    first, surname = rng.choice(FIRST_NAMES), _surname(rng)
    if rng.random() < 0.12:
        surname = f"{surname}-{_surname(rng)}"
    address = f"{plain(first)}.{plain(surname)}.{number}@{rng.choice(DOMAINS)}"
    return Person(f"{first} {surname}", address, rng.choice(UNIVERSITIES), rng.choice(PROGRAMMES))


def _surname(rng: random.Random) -> str:
    stem = rng.choice(STEMS)
    return stem if rng.random() < 0.2 else stem + rng.choice(ENDINGS).replace("o’Test", "’Test")


def plain(name: str) -> str:
    """The name in the letters of an address: “Søren Örnekoğlu” as `sorenornekoglu`."""
    replaced = name.translate(str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "ı": "i"}))
    decomposed = unicodedata.normalize("NFKD", replaced)
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalpha()).lower()


def motivation(rng: random.Random) -> str:
    field, other = rng.sample(FIELDS, 2)
    parts = [rng.choice(_OPENINGS), *rng.sample(_MIDDLES, rng.choice((1, 2, 2, 3))), rng.choice(_ENDS)]
    words = [part.format(field=field, other=other) for part in parts]
    return f"{words[0]}\n\n{' '.join(words[1:-1])}\n\n{words[-1]}"
