/* Energy meters, temperatures and clocks of this machine, as Linux shows them under /sys.
 *
 * Another root can be given (a recorded tree, a container's view): the `sysfs` argument, else the
 * environment variable EAO_SYSFS, else /sys. Every file may be missing. */
#ifndef EAO_SENSORS_H
#define EAO_SENSORS_H

#include <stdbool.h>

#include "eao/eao.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- energy ---- */

typedef enum eao_meter_kind {
  EAO_METER_NONE = 0,
  EAO_METER_RAPL,    /* powercap: energy counters of the processor packages and their memory */
  EAO_METER_HWMON,   /* energy or power of a supply rail (INA2xx, INA3221, ...) */
  EAO_METER_BATTERY, /* power_supply: what a discharging battery gives */
} eao_meter_kind;

/* All of the machine draws on it, not the model alone: keep it otherwise idle. */
typedef struct eao_meter eao_meter;
/* The best meter there is, in the order above; kind NONE when there is none. */
eao_status eao_meter_open(eao_ctx *ctx, const char *sysfs, eao_meter **out);
void eao_meter_close(eao_meter *m);
eao_meter_kind eao_meter_get(const eao_meter *m);
/* "RAPL package-0", "hwmon ina3221 VDD_IN", "battery BAT0"; "" none. */
const char *eao_meter_name(const eao_meter *m);
/* Begins to count. */
void eao_meter_start(eao_meter *m);
/* Call often while counting: power is read about every 20 ms and integrated. */
void eao_meter_sample(eao_meter *m);
/* Millijoules since the start; NaN when nothing could be read. */
double eao_meter_stop(eao_meter *m);

/* ---- heat ---- */

typedef struct eao_heat {
  double temperature_c;   /* hottest zone; NaN: no sensor */
  double clock_mhz;       /* mean over the CPUs; NaN: not known */
  double throttle_events; /* since boot: core_throttle_count (x86), or 1 while a Raspberry Pi's
                             firmware reports throttling; NaN: not known */
  bool throttled_now;     /* the firmware says so */
} eao_heat;
eao_heat eao_heat_read(const char *sysfs);

typedef enum eao_thermal_verdict {
  EAO_THERMAL_STEADY,    /* latency stayed within 3 % */
  EAO_THERMAL_SLOWER,    /* it rose, but no sensor says that heat is the reason */
  EAO_THERMAL_THROTTLED, /* it rose by more than 3 %, and clocks fell or the machine says so */
} eao_thermal_verdict;
/* slowdown: latency at the end over latency at the start. */
eao_thermal_verdict eao_thermal_judge(double slowdown, const eao_heat *start, const eao_heat *end);
/* "steady", "slower towards the end", "throttled" */
const char *eao_thermal_name(eao_thermal_verdict v);

#ifdef __cplusplus
}
#endif
#endif
