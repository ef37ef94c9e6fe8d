// The texts of the lesson in German: the keys and braces of english.js.

/** @type {typeof import("./english.js").ENGLISH} */
export const GERMAN = {
  card: {
    label: "Lektion",
    position: "Schritt {step} von {steps}",
    dot: "Schritt {step}: {title}",
    dotRight: "Schritt {step}: {title}, richtig beantwortet",
    dotWrong: "Schritt {step}: {title}, falsch beantwortet",
    language: "Sprache",
    answer: "Antworten",
    show: "Zeig es mir",
    back: "Zurück",
    next: "Weiter",
    close: "Lektion schließen",
    fold: "Der Rest der Karte",
    reset: "Von vorn",
    right: "Richtig.",
    wrong: "Nicht ganz.",
    said: "Deine Antwort: {answer}.",
    opening: "Das Bild zu diesem Schritt wird geöffnet …",
    measuring: "Das Netz wird gefragt …",
    noTruth: "Zu diesem Bild gibt es keine wahre Maske mit Salz. Geh zu einem anderen Schritt und wieder zurück: "
      + "Der Schritt bringt sein eigenes Bild mit.",
    noMask: "Die Maske ist bei dieser Schwelle leer, es gibt also keinen Umriss. Senke die Schwelle.",
    share: "{value} des Bildes",
    teacher: "Für Lehrkräfte: docs/teaching.md enthält einen Plan für 45 Minuten, die Antworten der mitgelieferten Gewichte "
      + "und Quellen (auf Englisch).",
  },
  steps: {
    threshold: {
      title: "Was man mit der Schwelle eintauscht",
      text: "Jedes Pixel hat eine Wahrscheinlichkeit für Salz; liegt sie über der Schwelle, zählt es als Salz. Verglichen mit "
        + "der wahren Maske ist zu Unrecht Markiertes „zu viel“ (FP) und nicht markiertes Salz „verpasst“ (FN).",
      question: "Du hebst die Schwelle von {from} auf {to}. Was geschieht?",
      choices: {
        fewerMore: "Weniger zu viel, mehr verpasst",
        moreFewer: "Mehr zu viel, weniger verpasst",
        fewerFewer: "Weniger von beidem",
        moreMore: "Mehr von beidem",
      },
      judgement: "Von {from} auf {to}: Zu viel sind statt {fpBefore} nun {fpAfter} Pixel, verpasst sind statt {fnBefore} nun "
        + "{fnAfter}. Die IoU ändert sich von {iouBefore} auf {iouAfter}.",
      because: {
        always: "Eine höhere Schwelle kann der Maske nur Pixel wegnehmen, falsche und richtige. IoU = TP / (TP + FP + FN) "
          + "zählt beide Fehler gleich; was jeder von ihnen kostet, musst du selbst sagen.",
      },
    },
    encoder: {
      title: "Worauf eine Karte des Encoders anspricht",
      text: "Karte {channel} von {layer} ist im Reiter Maps vergrößert. Sie hat für jede Stelle einen Wert; hoch ist er, wo sie anspricht.",
      question: "Womit gehen die hohen Werte dieser Karte am ehesten einher?",
      choices: {
        bright: "Mit hellen Stellen des Bildes",
        dark: "Mit dunklen Stellen des Bildes",
        rows: "Mit Stellen, an denen sich das Grau von Zeile zu Zeile ändert",
        salt: "Mit der Maske",
      },
      judgement: "Korrelation der Karte {channel} von {layer} mit der Helligkeit {bright}, mit der Änderung von Zeile zu Zeile "
        + "{rows}, mit der Maske {salt}.",
      because: {
        best: "Am besten passt also: {best}. Eine Korrelation zeigt, womit eine Karte einhergeht, nicht warum.",
        none: "Keine davon erreicht {least}; keine beschreibt also diese Karte.",
        later: "Keine Karte von {layer} hat mit der Maske eine Korrelation über {early}; in {late} erreicht eine {latest}. "
          + "Zeiler und Fergus (2014) sahen so eine Reihenfolge in einem anderen Netz: erst Kanten, in der Tiefe größere Muster.",
        notLater: "Die maskenähnlichste Karte von {layer} hat mit der Maske eine Korrelation von {early}, die von {late} {latest}.",
      },
    },
    bottleneck: {
      title: "Was durch den Engpass passt und was nicht",
      text: "Unten im U (bottleneck, Engpass) bleiben {rows} × {columns} Stellen mit je {channels} Werten; eine steht für "
        + "{stride} × {stride} Pixel. Die Skips reichen feinere Karten zum Decoder hinüber.",
      question: "Alle Skips werden zugleich durchtrennt, nur der Engpass bleibt. Was wird aus der Maske?",
      choices: {
        gone: "Sie verschwindet",
        place: "Sie bleibt ungefähr am Ort, mit anderem Umriss",
        same: "Sie ändert sich kaum",
      },
      judgement: "Ohne die Skips bedeckt Salz {area} des Bildes statt {areaWhole}. Die IoU beider Masken ist {overlap} (unter "
        + "{gone} gilt als verschwunden, über {same} als kaum geändert), und der Umriss verlässt {moved} seiner Pixel.",
      because: {
        gone: "Hier kommt durch den Engpass allein kaum etwas von der Maske.",
        place: "Wo ungefähr Salz ist, kommt durch den Engpass, der genaue Umriss nicht. Um ihn zu verorten, führen "
          + "Ronneberger et al. (2015) die feineren Karten des Encoders mit dem Decoder zusammen.",
        same: "Hier kommt sogar der Umriss durch den Engpass.",
        reverse: "Umgekehrt, mit allen Skips und ohne den Engpass, ist die IoU {reverse}. Anstelle des Durchtrennten stehen "
          + "Nullen, und dafür wurde das Netz nicht trainiert.",
      },
    },
    cut: {
      title: "Errate den Schnitt",
      text: "Jeder Skip reicht die Karten einer Ebene hinüber, {first} die feinsten, {last} die gröbsten. Sieh dir den Umriss "
        + "der Maske an.",
      question: "Welcher Skip, allein durchtrennt, verschiebt diesen Umriss am stärksten?",
      choices: {},
      judgement: "Ohne {answer} verlässt der Umriss {share} seiner {pixels} Pixel. Alle: {all}.",
      because: {
        finest: "Hier ist es der feinste, {best}.",
        coarser: "Es ist {best} und nicht der feinste: Karten auf dem feinsten Gitter sind nicht schon deshalb die, an denen "
          + "ein Umriss hängt.",
        caution: "Das zeigt, worauf sich dieses Netz stützt, nicht, was eines lernen würde, das ohne diesen Skip trainiert wird.",
      },
    },
    pixel: {
      title: "Was ein Pixel sieht",
      text: "Auf dem Papier kann ein Wert der Maske von bis zu {field} × {field} Pixeln abhängen, seinem rezeptiven Feld: Für "
        + "das gerahmte Pixel sind das {theory} des Bildes.",
      question: "In welchem Anteil des Bildes liegen 90 % des Einflusses auf dieses Pixel?",
      choices: {},
      judgement: "Es sind {wide}, ein Kasten von {wideRows} × {wideColumns} Pixeln ({margin} des Bildes mehr oder weniger "
        + "gelten als richtig). Die Hälfte des Einflusses liegt in {narrow}, in {narrowRows} × {narrowColumns} Pixeln.",
      because: {
        smaller: "Was zählt, ist weniger als das Mögliche. Luo et al. (2016) nennen es das effektive rezeptive Feld und zeigen, "
          + "dass der Einfluss von seiner Mitte aus abnimmt.",
        asLarge: "Hier ist es etwa so groß wie das rezeptive Feld auf dem Papier. Luo et al. (2016) fanden es kleiner in den "
          + "Netzen, die sie untersuchten.",
        meaning: "Einfluss ist der Betrag des Gradienten nach der Eingabe: was eine kleine Änderung eines Pixels bewirken würde.",
      },
    },
    shift: {
      title: "Wandert die Maske mit?",
      text: "Nun wird das Bild um {pixels} Pixel nach rechts geschoben und das Salz darin mit. Das Netz wird neu gefragt und "
        + "seine Maske zurückgeschoben.",
      question: "Wie gut passt sie auf die Maske von vorher?",
      choices: {
        same: "Genau, in jedem Pixel",
        near: "Fast, mit einer IoU von {near} oder mehr",
        apart: "Nicht gut, mit einer IoU unter {near}",
      },
      judgement: "Die IoU ist {overlap}: Von {compared} Pixeln, die beide zeigen, wechseln {changed} die Seite. Um {stride} "
        + "statt um {pixels} Pixel geschoben, ist sie {overlapStride}.",
      because: {
        always: "Eine Faltung wandert mit ihrer Eingabe mit. Aber jede Ebene halbiert das Gitter, und welche Pixel dabei "
          + "zusammenfallen, ändert sich mit der Verschiebung (Zhang 2019); nur ein Vielfaches von {stride} lässt alle "
          + "Gitter, wie sie sind. Was am Rand hereinkommt, ist in jedem Fall neu.",
      },
    },
    missed: {
      title: "Ein Salzkörper, den das Netz verpasst",
      text: "In der wahren Maske sind {salt} Pixel Salz. Bei der Schwelle {threshold} hat die Maske {found} davon.",
      question: "Was sagen die Wahrscheinlichkeiten: warum?",
      choices: {
        threshold: "Nur die Schwelle ist falsch: Eine niedrigere zeigt den Körper sauber (IoU über {clean})",
        unsure: "Der Körper sieht für das Netz nach Salz aus, anderes aber auch",
        blind: "Der Körper sieht für das Netz nicht mehr nach Salz aus als der Rest",
      },
      judgement: "Die Wahrscheinlichkeit ist im Körper im Mittel {inside} und sonst {outside}, höchstens {highest} und "
        + "{highestOutside}. Ein Pixel des Körpers liegt in {order} aller Paare über einem des Restes. "
        + "Die beste IoU, die eine Schwelle ergibt, ist {best}.",
      because: {
        threshold: "Die Reihenfolge der Pixel stimmt, und bei {at} ist die IoU {best}.",
        unsure: "Eine Schwelle, die den halben Körper findet, markiert auch {wrong} Pixel, die kein Salz sind.",
        blind: "Durch Zufall wären es 50 % der Paare; ab {sure} gälte es als salzähnlich. "
          + "Wo die Reihenfolge falsch ist, hilft keine Schwelle.",
        deep: "Ohne den Engpass sind die Mittel {insideCut} im Körper und {outsideCut} sonst: Vergleiche, was die tiefste "
          + "Ebene beiträgt.",
      },
    },
    random: {
      title: "Trainiert oder zufällig?",
      text: "„Random weights“ setzt Zufallszahlen an die Stelle alles Gelernten. Die Verdrahtung bleibt.",
      question: "Welche dieser Karten ist dann der des trainierten Netzes am ähnlichsten? (Das Mittel über die Karten eines "
        + "Blocks, wie im U.)",
      choices: {},
      judgement: "Korrelation der trainierten mit der zufälligen: {all}.",
      because: {
        early: "Auch zufällige Filter reichen die Schichten des Bildes weiter: Eine Karte, die dem Bild ähnelt, beweist kein Lernen.",
        other: "Was beide gemeinsam haben, muss nicht gelernt worden sein.",
        source: "Adebayo et al. (2018) prüfen Erklärungen damit: Eine, die mit zufälligen Gewichten gleich bleibt, erklärt nicht, "
          + "was ein Netz gelernt hat.",
      },
    },
  },
};
