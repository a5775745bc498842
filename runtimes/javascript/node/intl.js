// The engine has no Intl; these give what en-US and UTC give, which is what most programs mean.

const grouped = (text) => {
  const [, sign, whole, fraction] = /^(-?)(\d+)(\.\d+)?$/.exec(text);
  return sign + whole.replace(/\B(?=(?:\d{3})+$)/g, ",") + (fraction ?? "");
};

const CURRENCIES = { USD: "$", EUR: "€", GBP: "£", JPY: "¥", INR: "₹", CNY: "CN¥", KRW: "₩" };

function formatNumber(value, options = {}) {
  if (Number.isNaN(value)) {
    return "NaN";
  }
  const isPercent = options.style === "percent";
  const isCurrency = options.style === "currency";
  const number = isPercent ? value * 100 : value;
  const fixed = isCurrency ? (options.currency === "JPY" || options.currency === "KRW" ? 0 : 2) : 0;
  const least = options.minimumFractionDigits ?? fixed;
  const most = options.maximumFractionDigits ?? Math.max(least, isCurrency ? fixed : isPercent ? 0 : 3);
  const absolute = Math.abs(number);
  let text = Number.isFinite(number) ? rounded(absolute, least, most, options.maximumSignificantDigits) : "∞";
  if (options.useGrouping !== false && text !== "∞") {
    text = grouped(text);
  }
  if (isCurrency) {
    text = (CURRENCIES[options.currency] ?? `${options.currency}\u00a0`) + text;
  }
  return (number < 0 || Object.is(number, -0) ? "-" : "") + text + (isPercent ? "%" : "");
}

function rounded(number, least, most, significant) {
  const value = significant ? Number(number.toPrecision(significant)) : number;
  let text = value >= 1e21 ? BigInt(value).toString() : value.toFixed(most);
  if (text.includes(".")) {
    text = text.replace(/0+$/, (zeros) => zeros.slice(0, Math.max(0, least - (text.split(".")[1].length - zeros.length)))).replace(/\.$/, "");
  }
  return text;
}

const replace = (prototype, name, value) => Object.defineProperty(prototype, name, { value, writable: true, configurable: true, enumerable: false });

replace(Number.prototype, "toLocaleString", function toLocaleString(locales, options) {
  return formatNumber(Number(this), options);
});
replace(BigInt.prototype, "toLocaleString", function toLocaleString() {
  return grouped(this.toString());
});

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const two = (number) => String(number).padStart(2, "0");

function formatDate(date, options = {}, wantsDate, wantsTime) {
  if (Number.isNaN(date.getTime())) {
    return "Invalid Date";
  }
  const asked = ["weekday", "year", "month", "day", "hour", "minute", "second"].some((name) => options[name] !== undefined);
  const parts = asked ? options : { ...(wantsDate && { year: "numeric", month: "numeric", day: "numeric" }), ...(wantsTime && { hour: "numeric", minute: "2-digit", second: "2-digit" }) };
  return [datePart(date, parts), timePart(date, parts)].filter(Boolean).join(", ");
}

function datePart(date, { weekday, year, month, day }) {
  const yearText = year && (year === "2-digit" ? two(date.getFullYear() % 100) : String(date.getFullYear()));
  const dayText = day && (day === "2-digit" ? two(date.getDate()) : String(date.getDate()));
  const weekdayText = weekday && (weekday === "long" ? DAYS[date.getDay()] : DAYS[date.getDay()].slice(0, 3));
  if (month === "long" || month === "short") {
    const monthText = month === "long" ? MONTHS[date.getMonth()] : MONTHS[date.getMonth()].slice(0, 3);
    return [weekdayText, [[monthText, dayText].filter(Boolean).join(" "), yearText].filter(Boolean).join(dayText ? ", " : " ")].filter(Boolean).join(", ");
  }
  const monthText = month && (month === "2-digit" ? two(date.getMonth() + 1) : String(date.getMonth() + 1));
  return [weekdayText, [monthText, dayText, yearText].filter(Boolean).join("/")].filter(Boolean).join(", ");
}

function timePart(date, { hour, minute, second, hour12 = true }) {
  if (!hour && !minute && !second) {
    return "";
  }
  const hours = hour12 ? date.getHours() % 12 || 12 : date.getHours();
  const hourText = hour === "2-digit" || !hour12 ? two(hours) : String(hours);
  const text = [hour && hourText, minute && two(date.getMinutes()), second && two(date.getSeconds())].filter(Boolean).join(":");
  return hour && hour12 ? `${text} ${date.getHours() < 12 ? "AM" : "PM"}` : text;
}

replace(Date.prototype, "toLocaleString", function toLocaleString(locales, options) {
  return formatDate(this, options, true, true);
});
replace(Date.prototype, "toLocaleDateString", function toLocaleDateString(locales, options) {
  return formatDate(this, options, true, false);
});
replace(Date.prototype, "toLocaleTimeString", function toLocaleTimeString(locales, options) {
  return formatDate(this, options, false, true);
});

const dateString = Date.prototype.toString;
replace(Date.prototype, "toString", function toString() {
  return Reflect.apply(dateString, this, []).replace(/GMT\+0000$/, "GMT+0000 (Coordinated Universal Time)");
});

module.exports = { formatNumber, formatDate };
