"""The amount to pay on receipts of many shapes, and dates in the ways people print them."""

from __future__ import annotations

import pytest

from augenblick.reader.picture_facts import dates_in, unclear_dates_in
from augenblick.reader.receipts import amounts_to_pay, total_in

from .conftest import Running, encoded, question, said, written

# A receipt, its lines parted by " | ", and what is to be paid: one amount, several where the lines
# contradict each other, none where no line names it.
RECEIPTS = [
    ("Brot 2,99 | Zwischensumme 9,00 | Summe 10,00 | Zu zahlen | 10,50 EUR | Bar 20,00", "10.50"),
    ("Summe EUR 22,24 | Bar EUR 30,00 | Rückgeld EUR 7,76", "22.24"),
    ("Gesamtbetrag 22,24 | Gegeben 50,00 | Rückgeld 27,76", "22.24"),
    ("SUMME 12,50 | BAR 20,00 | ZURÜCK 7,50", "12.50"),
    ("Total items 5 | Cash 50.00 | Change 37.50 | Total 12.50", "12.50"),
    ("Total items 5.00 | Total 12.50 | Cash 20.00 | Change due 7.50", "12.50"),
    ("Total Qty 3.00 | Total Amount 45.00 | Tendered 50.00", "45.00"),
    ("Total quantity: 4.00 | Grand Total: 80.00", "80.00"),
    ("TOTAL (3 items) 12.50 | VISA 12.50", "12.50"),
    ("Summe (3 Artikel) 17,40 | Girocard 17,40", "17.40"),
    ("Anzahl Artikel 3,00 | Summe 17,40", "17.40"),
    ("Artikelanzahl gesamt 3,00 | Gesamt 17,40 | EC-Karte 17,40", "17.40"),
    ("Subtotal 10.00 | Tax 0.80 | Total 10.80 | Cash 20.00 | Change 9.20", "10.80"),
    ("SUB TOTAL 10.00 | SALES TAX 0.80 | TOTAL 10.80", "10.80"),
    ("Sub-total 10.00 | VAT 20% 2.00 | Total due 12.00", "12.00"),
    ("Total excl. VAT 10.00 | VAT 2.00 | Total incl. VAT 12.00", "12.00"),
    ("Total (excluding GST) 100.00 | GST 6.00 | Total (including GST) 106.00", "106.00"),
    ("Total before tax 100.00 | Total tax 8.25 | Total 108.25", "108.25"),
    ("Total ex VAT £50.00 | Total VAT £10.00 | Invoice total £60.00", "60.00"),
    ("Total 50.00 | Tax 10.00 | Total 60.00", "60.00"),
    ("Summe netto 100,00 | MwSt 19% 19,00 | Summe brutto 119,00", "119.00"),
    ("Nettobetrag 100,00 | zzgl. 19 % MwSt 19,00 | Rechnungsbetrag 119,00", "119.00"),
    ("Gesamt netto 100,00 | Umsatzsteuer 19,00 | Gesamt brutto 119,00", "119.00"),
    ("Gesamtbetrag inkl. MwSt 11,90 | enthaltene MwSt 1,90", "11.90"),
    ("Summe inkl. 19% MwSt 11,90 | MwSt gesamt 1,90 | Bar 12,00 | Rückgeld 0,10", "11.90"),
    ("inkl. MwSt 0,20 | Summe 2,99", "2.99"),
    ("Summe MwSt 1,90 | Summe 11,90", "11.90"),
    ("Gesamtbetrag 0,60 8,57 9,17 | SUMME EUR 9,17", "9.17"),
    ("Total 12.52 | Rounding -0.02 | Total 12.50 | Cash 20.00 | Change 7.50", "12.50"),
    ("Total 12.52 | Rounding adj 0.02 | Total after rounding 12.50", "12.50"),
    ("Summe 12,48 | Rundung 0,02 | Zu zahlen 12,50", "12.50"),
    ("Total CHF 12,48 | Rundungsdifferenz 0,02 | Total gerundet CHF 12,50", "12.50"),
    ("Rounded Total 9.45 | Total 9.44 | Rounding 0.01", "9.45"),
    ("Zwischensumme 20,00 | Rabatt -2,00 | Gesamtsumme 18,00", "18.00"),
    ("Total 20.00 | Discount -2.00 | Total 18.00 | Mastercard 18.00", "18.00"),
    ("Total savings 4.00 | Total 16.00", "16.00"),
    ("Sie sparen gesamt 3,00 | Summe 17,00", "17.00"),
    ("Summe 40,00 | Gutschein 10,00 | Zu zahlen 30,00 | Bar 50,00 | Zurück 20,00", "30.00"),
    ("Gesamtpreis 500,00 | Anzahlung 100,00 | Noch zu zahlen 400,00", "400.00"),
    ("Total 25.00 | Tip 5.00 | Total incl. tip 30.00", "30.00"),
    ("Rechnung 42,00 | Trinkgeld 3,00 | Gesamt 45,00 | Kartenzahlung 45,00", "45.00"),
    ("Amount 10.00 | Amount tendered 20.00 | Change 10.00", "10.00"),
    ("Betrag 7,50 | Betrag erhalten 10,00 | Wechselgeld 2,50", "7.50"),
    ("Total | 12.50 | Cash | 20.00 | Change | 7.50", "12.50"),
    ("TOTAL EUR | 31,40 | BAR | 50,00", "31.40"),
    ("TOTAL12.50 | CASH20.00 | CHANGE7.50", "12.50"),
    ("Gesamt 2 x 5,00 10,00 | Bar 10,00", "10.00"),
    ("Balance due 99.00 | Previous balance 12.00", "99.00"),
    ("Order total $31.07 | Gift card $5.00 | Amount due $26.07", "26.07"),
    ("Total payable 88.40 | Total weight 2.15", "88.40"),
    ("Gesamtgewicht 12,50 | Gesamt 18,00", "18.00"),
    ("Total points 150.00 | TOTAL 15.20 | DEBIT CARD 15.20", "15.20"),
    ("Übertrag 70,00 | Endbetrag 84,20", "84.20"),
    ("Fälliger Betrag 61,88 | Betrag netto 52,00", "61.88"),
    ("Insgesamt 9,80 | Rest 0,20", "9.80"),
    ("Total 15.00 | Balance due 0.00 | Paid 15.00", "15.00"),
    ("Summe 13,37 | Bezahlt mit PayPal 13,37", "13.37"),
    ("Restguthaben 4,00 | Summe 6,00", "6.00"),
    ("Service charge 12.5% 5.00 | Sub total 40.00 | TOTAL 45.00", "45.00"),
    ("Warenwert 30,00 | Versandkosten 4,90 | Gesamtsumme 34,90", "34.90"),
    ("Total HT 10,00 | TVA 2,00 | TOTAL TTC 12,00", "12.00"),
    ("TOTAL TTC 23,40 | TOTAL HT 19,50 | TVA 20% 3,90 | CB 23,40", "23.40"),
    ("Sous-total 19,50 | TVA 3,90 | Total 23,40 | Espèces 25,00 | Monnaie 1,60", "23.40"),
    ("NET A PAYER 45,20 | Carte bancaire 45,20", "45.20"),
    ("Montant dû 12,00 € | Reçu 20,00 € | A rendre 8,00 €", "12.00"),
    ("Espèces 20,00 | Rendu 8,00", ""),
    ("Rechnungsendbetrag 238,00 | Zwischensumme (netto) 200,00 | USt 19% 38,00", "238.00"),
    ("S U M M E 12,99 | B A R 20,00 | R Ü C K G E L D 7,01", "12.99"),
    ("T O T A L 12.50 | CASH 20.00", "12.50"),
    ("Total 12.52 | Rounding 0.02- | Net Total 12.50 | Cash 50.00 | Change 37.50", "12.50"),
    ("Net total 100.00 | VAT 19.00 | Gross total 119.00", "119.00"),
    ("Total savings 3.20 | Total after savings 16.80", "16.80"),
    ("BALANCE 12.50 | CASH 20.00 | CHANGE 7.50", "12.50"),
    ("Grand Total 100.00 | Deposit paid 30.00 | Balance 70.00", "70.00"),
    ("Total 8.00 | Gift card balance 25.00 | Previous balance 3.00", "8.00"),
    ("SUMME l2,99 | BAR 20,00", ""),
    ("Total12.99 | Bar20,00", "12.99"),
    ("Total 12.50 | Total 14.75", "12.50 14.75"),
    ("Summe A 12,50 | Summe B 8,00", "12.50 8.00"),
    ("Amount due now 20.00 | Amount due later 30.00", "20.00 30.00"),
    ("Total 10.00 3.00", "10.00 3.00"),
    ("Cash 20.00 | Change 7.50", ""),
    ("Bar 20,00 | Rückgeld 3,00 | Brot 17,00", ""),
    ("Total cash 50.00 | Coffee 3.20", ""),
    ("Summe bar 50,00 | Kaffee 3,20", ""),
    ("Zwischensumme 9,00 | MwSt Summe 1,00", ""),
    ("Subtotal | Tax | Total | 10.00 | 1.90 | 11.90", ""),
    ("Total items 5 | 50.00 | 37.50", ""),
    ("Gegeben gesamt 50,00", ""),
    ("Description Qty Price Total | Widget 1 9.00 9.00", ""),
    ("Coffee 3.20 | Tea 2.80", ""),
]  # fmt: skip


@pytest.mark.parametrize(("receipt", "expected"), RECEIPTS, ids=lambda value: value[:60])
def test_the_amount_to_pay(receipt: str, expected: str) -> None:
    """It is the right one, or all that it could be, or none; never what was handed over."""
    found = amounts_to_pay(receipt.split(" | "))

    assert [str(amount.value) for amount in found] == expected.split()


def test_a_total_is_one_amount() -> None:
    """Forms get no total where several amounts could be it."""
    assert total_in(["Total 12.50", "Total 14.75"]) is None


@pytest.mark.parametrize(
    ("line", "dates"),
    [
        ("Dat.31.08.2015", "2015-08-31"),
        ("Datum:31.08.15 14:02", "2015-08-31"),
        ("29-12-2017", "2017-12-29"),
        ("2015/8/3", "2015-08-03"),
        ("2015.08.03", "2015-08-03"),
        ("2015-8-3 08:15", "2015-08-03"),
        ("14:32 21.11.2026", "2026-11-21"),
        ("21.11.2026 14.32 Uhr", "2026-11-21"),
        ("21.11.202614:32", "2026-11-21"),
        ("21.11.2614:32", ""),
        ("31-AUG-15 14:02", "2015-08-31"),
        ("31 août 2015", "2015-08-31"),
        ("le 1 février 2024 à 9h", "2024-02-01"),
        ("21st of November 2026", "2026-11-21"),
        ("3 May 12 persons", ""),
        ("l2.03.2024", ""),
        ("Datum |2/03/2024", ""),
        ("Dat12.03.2024", "2024-03-12"),
        ("Art. 10.12.14", ""),
        ("Version 2.10.2019", ""),
        ("Start 10.12.14", "2014-12-10"),
        ("Sa 21.11.26 09:15", "2026-11-21"),
        ("05-Mar-2017 11:00", "2017-03-05"),
        ("05MAR2017", "2017-03-05"),
        ("Tue, Mar 5, 2019 6:10 PM", "2019-03-05"),
        ("12/31/2019 06:10 PM", "2019-12-31"),
        ("31.12.99", "1999-12-31"),
        ("03/04/2026", ""),
        ("05-06-2017", ""),
        ("03/04/2026 €", "2026-04-03"),
        ("03/04/2026 - 28/04/2026", "2026-04-03 2026-04-28"),
        ("03/04/2026 to 03/28/2026", "2026-03-04 2026-03-28"),
        ("07/07/2026", "2026-07-07"),
        ("Mo 21.11. 9:00", ""),
        ("Montag, 21. November", ""),
        ("Tel. 030-12-20175", ""),
        ("Version 1.12.2024.5", ""),
        ("192.168.10.20", ""),
        ("30.02.2024", ""),
        ("Nr. 2015/8/3/7", ""),
        ("1.250.00 12.5.1850", ""),
    ],
)
def test_dates_are_right_or_not_claimed(line: str, dates: str) -> None:
    """What can't be told by what stands there is no date."""
    assert [found.value.isoformat() for found in dates_in([line])] == dates.split()


@pytest.mark.parametrize(
    "line", ["Mo 21.11.", "Montag, 21. November", "Fri 3 May", "May 3", "03/04/2026", "05-06-17",
             "open on Tuesday"]
)  # fmt: skip
def test_unclear_dates_are_shown(line: str) -> None:
    """A day without a year, or with an open order, is handed on as it is written."""
    assert dates_in([line]) == []
    assert unclear_dates_in([line, "Brot 2,99"]) == [line]


@pytest.mark.parametrize(
    ("lines", "start"),
    [
        (("Summe 12,50 €", "Bar 20,00 €", "Rückgeld 7,50 €"), "**Gesamtbetrag: 12,50 €**"),
        (
            ("Total 12.50", "Total 14.75"),
            (
                "Mehrere Zeilen nennen einen Gesamtbetrag, und sie unterscheiden sich:\n\n"
                "```text\nTotal 12.50\nTotal 14.75\n```"
            ),
        ),
        (
            ("Bar 20,00", "Brot 17,00"),
            (
                "Welcher Betrag zu zahlen ist, steht nicht eindeutig da. "
                "Diese Zeilen nennen Beträge:\n\n```text\nBar 20,00\nBrot 17,00\n```"
            ),
        ),
    ],
)
def test_the_answer_about_a_total(reader: Running, lines: tuple[str, ...], start: str) -> None:
    """In a picture, too: the amount, or the lines that could be it."""
    answer = said(reader.post(question("Wie hoch ist der Gesamtbetrag?", encoded(written(*lines)))))

    assert answer.startswith(start)


def test_the_answer_about_an_unclear_date(reader: Running) -> None:
    """A date whose order is open is shown as it is written, and no year is made up."""
    answer = said(reader.post(question("Welches Datum?", encoded(written("Date 03/04/2026")))))

    assert answer == (
        "Tag, Monat oder Jahr sind nicht eindeutig. Es steht so da:\n\n"
        "```text\nDate 03/04/2026\n```"
    )
